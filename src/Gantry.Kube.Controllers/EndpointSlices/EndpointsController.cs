using Gantry.Faults;
using Gantry.Kube.Client;
using Gantry.Kube.Client.Informers;
using Gantry.Kube.Client.Reconciling;
using Gantry.Kube.Client.Selectors;
using Gantry.Kube.Model.Core.V1;
using Gantry.Kube.Model.Discovery.V1;
using Microsoft.Extensions.Logging;
using CoreEndpoints = Gantry.Kube.Model.Core.V1.Endpoints;

namespace Gantry.Kube.Controllers.EndpointSlices;

/// <summary>
/// Keeps the EndpointSlices, and the older Endpoints object, of every Service with a selector. A pod that is being deleted
/// is not ready from the moment of its deletion, so that traffic leaves it before it stops.
/// </summary>
public sealed class EndpointsController : IController, IDisposable
{
    private readonly IKubeClient _client;
    private readonly Informer<Service> _services;
    private readonly InformerIndex<Pod> _podsByNamespace;
    private readonly Informer<EndpointSlice> _slices;
    private readonly InformerIndex<EndpointSlice> _slicesByService;
    private readonly Informer<CoreEndpoints> _endpoints;
    private readonly ReconcileLoop _loop;

    /// <summary>Makes the controller.</summary>
    public EndpointsController(InformerSet informers, ILoggerFactory loggers, TimeProvider? time = null)
    {
        _client = informers.Client;
        _loop = new ReconcileLoop("Endpoints", ReconcileAsync, loggers.CreateLogger<EndpointsController>(), time);
        _services = informers.For<Service>();
        var pods = informers.For<Pod>();
        _podsByNamespace = pods.Index(pod => [pod.Metadata.Namespace!]);
        _slices = informers.For<EndpointSlice>();
        _slicesByService = _slices.Index(slice => EndpointSliceBuilder.IsManaged(slice) ? [EndpointSliceBuilder.ServiceKey(slice)] : []);
        _endpoints = informers.For<CoreEndpoints>();
        _services.Subscribe((previous, next) => _loop.Queue.Add(ObjectKey.Of((next ?? previous)!)));
        pods.Subscribe(OnPod);
        _slices.Subscribe((previous, next) => OnSlice((next ?? previous)!));
    }

    /// <inheritdoc/>
    public Task RunAsync(CancellationToken cancellationToken) => _loop.RunAsync(2, cancellationToken);

    /// <inheritdoc/>
    public void Dispose() => _loop.Dispose();

    private void OnPod(Pod? previous, Pod? next)
    {
        if (previous is not null && next is not null && EndpointSliceBuilder.SameEndpoint(previous, next))
        {
            return;
        }

        foreach (var service in _services.List())
        {
            if (service.Metadata.Namespace == (next ?? previous)!.Metadata.Namespace && (Selects(service, previous) || Selects(service, next)))
            {
                _loop.Queue.Add(ObjectKey.Of(service));
            }
        }
    }

    private void OnSlice(EndpointSlice slice)
    {
        if (EndpointSliceBuilder.IsManaged(slice))
        {
            _loop.Queue.Add(EndpointSliceBuilder.ServiceKey(slice));
        }
    }

    private async Task ReconcileAsync(string key, CancellationToken cancellationToken)
    {
        var (ns, name) = ObjectKey.Split(key);
        var service = _services.Get(key);
        if (service is null || service.Metadata.DeletionTimestamp is not null || service.Spec?.Selector is not { Count: > 0 })
        {
            await RemoveAsync(ns!, name, key, service, cancellationToken).ConfigureAwait(false);
            return;
        }

        var pods = _podsByNamespace.Get(ns!).Where(pod => Selects(service, pod)).OrderBy(pod => pod.Metadata.Name, StringComparer.Ordinal).ToList();
        await WriteSlicesAsync(service, key, pods, cancellationToken).ConfigureAwait(false);
        await WriteEndpointsAsync(service, pods, cancellationToken).ConfigureAwait(false);
    }

    private async Task WriteSlicesAsync(Service service, string key, List<Pod> pods, CancellationToken cancellationToken)
    {
        var wanted = EndpointSliceBuilder.Build(service, pods);
        var present = _slicesByService.Get(key).Where(slice => slice.Metadata.DeletionTimestamp is null).OrderBy(slice => slice.Metadata.CreationTimestamp).ThenBy(slice => slice.Metadata.Name, StringComparer.Ordinal).ToList();
        for (var i = 0; i < wanted.Count; i++)
        {
            if (i >= present.Count)
            {
                var created = await _client.CreateAsync(wanted[i], cancellationToken).ConfigureAwait(false);
                await WaitForCacheAsync(created, cancellationToken).ConfigureAwait(false);
            }
            else if (!EndpointSliceBuilder.Same(present[i], wanted[i]))
            {
                var update = present[i].DeepClone();
                update.Metadata.Labels = wanted[i].Metadata.Labels;
                update.Endpoints = wanted[i].Endpoints;
                update.Ports = wanted[i].Ports;
                await _client.UpdateAsync(update, cancellationToken).ConfigureAwait(false);
            }
        }

        foreach (var surplus in present.Skip(wanted.Count))
        {
            await IgnoreMissing(_client.DeleteAsync<EndpointSlice>(surplus.Metadata.Namespace, surplus.Metadata.Name!, null, cancellationToken)).ConfigureAwait(false);
        }
    }

    /// <summary>A generated name must be in the cache before the next pass, or that would create a second slice.</summary>
    private async Task WaitForCacheAsync(EndpointSlice slice, CancellationToken cancellationToken)
    {
        for (var attempt = 0; attempt < 200 && _slices.Get(ObjectKey.Of(slice)) is null; attempt++)
        {
            await Task.Delay(5, cancellationToken).ConfigureAwait(false);
        }
    }

    private async Task WriteEndpointsAsync(Service service, List<Pod> pods, CancellationToken cancellationToken)
    {
        var wanted = EndpointsBuilder.Build(service, pods);
        var present = _endpoints.Get(ObjectKey.Of(service));
        if (present is null)
        {
            await _client.CreateAsync(wanted, cancellationToken).ConfigureAwait(false);
        }
        else if (!EndpointsBuilder.Same(present, wanted))
        {
            var update = present.DeepClone();
            update.Metadata.Labels = wanted.Metadata.Labels;
            update.Metadata.Annotations = wanted.Metadata.Annotations;
            update.Subsets = wanted.Subsets;
            await _client.UpdateAsync(update, cancellationToken).ConfigureAwait(false);
        }
    }

    private async Task RemoveAsync(string ns, string name, string key, Service? service, CancellationToken cancellationToken)
    {
        foreach (var slice in _slicesByService.Get(key))
        {
            await IgnoreMissing(_client.DeleteAsync<EndpointSlice>(ns, slice.Metadata.Name!, null, cancellationToken)).ConfigureAwait(false);
        }

        // A Service without selector has endpoints that its user writes; only those of a deleted Service go.
        if (service is null && _endpoints.Get(key) is not null)
        {
            await IgnoreMissing(_client.DeleteAsync<CoreEndpoints>(ns, name, null, cancellationToken)).ConfigureAwait(false);
        }
    }

    private static async Task IgnoreMissing(Task deletion)
    {
        try
        {
            await deletion.ConfigureAwait(false);
        }
        catch (FaultException fault) when (fault.Kind == FaultKind.NotFound)
        {
            // Gone already, which is what was wanted.
        }
    }

    private static bool Selects(Service service, Pod? pod) =>
        pod is not null && service.Spec?.Selector is { Count: > 0 } selector && LabelMatch.Contains(pod.Metadata.Labels, selector);
}
