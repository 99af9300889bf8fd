using System.Text.Json;
using Gantry.Kube.Client;
using Gantry.Kube.Client.Informers;
using Gantry.Kube.Client.Reconciling;
using Gantry.Kube.Controllers.Kinds;
using Gantry.Kube.Model.Core.V1;
using Microsoft.Extensions.Logging;

namespace Gantry.Kube.Controllers.Namespaces;

/// <summary>Empties a namespace that is being deleted, and then lets it go by removing the finalizer "kubernetes".</summary>
public sealed class NamespaceController : IController, IDisposable
{
    private static readonly TimeSpan s_checkAgain = TimeSpan.FromMilliseconds(250);

    private readonly IKubeClient _client;
    private readonly KindTable _kinds;
    private readonly Informer<Namespace> _namespaces;
    private readonly ReconcileLoop _loop;

    internal NamespaceController(InformerSet informers, KindTable kinds, ILoggerFactory loggers, TimeProvider? time = null)
    {
        _client = informers.Client;
        _kinds = kinds;
        _loop = new ReconcileLoop("Namespace", ReconcileAsync, loggers.CreateLogger<NamespaceController>(), time);
        _namespaces = informers.For<Namespace>();
        _namespaces.Subscribe((_, next) =>
        {
            if (next?.Metadata.DeletionTimestamp is not null)
            {
                _loop.Queue.Add(next.Metadata.Name!);
            }
        });
    }

    /// <inheritdoc/>
    public Task RunAsync(CancellationToken cancellationToken) => _loop.RunAsync(2, cancellationToken);

    /// <inheritdoc/>
    public void Dispose() => _loop.Dispose();

    private async Task ReconcileAsync(string name, CancellationToken cancellationToken)
    {
        var present = _namespaces.Get(name);
        if (present?.Metadata.DeletionTimestamp is null || present.Spec?.Finalizers?.Contains("kubernetes") != true)
        {
            return;
        }

        var remaining = 0;
        foreach (var kind in _kinds.Namespaced)
        {
            foreach (var obj in kind.InNamespace(name).ToList())
            {
                remaining++;
                if (obj.Metadata.DeletionTimestamp is null)
                {
                    await kind.DeleteAsync(name, obj.Metadata.Name!, new KubeDeleteOptions(PropagationPolicy: "Background"), cancellationToken).ConfigureAwait(false);
                }
            }
        }

        if (remaining > 0)
        {
            _loop.Queue.AddAfter(name, s_checkAgain);
            return;
        }

        var events = await _client.ListAsync<Event>(name, null, cancellationToken).ConfigureAwait(false);
        foreach (var item in events.Items)
        {
            await _client.DeleteAsync<Event>(name, item.Metadata.Name!, null, cancellationToken).ConfigureAwait(false);
        }

        await _client.PostSubresourceAsync(Namespace.ResourceType, null, name, "finalize", FinalizeBody(present), cancellationToken).ConfigureAwait(false);
    }

    private static byte[] FinalizeBody(Namespace present)
    {
        var update = present.DeepClone();
        update.Spec!.Finalizers!.Remove("kubernetes");
        using var buffer = new MemoryStream();
        using (var writer = new Utf8JsonWriter(buffer))
        {
            update.WriteJson(writer);
        }

        return buffer.ToArray();
    }
}
