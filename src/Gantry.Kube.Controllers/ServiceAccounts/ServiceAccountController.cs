using Gantry.Kube.Client;
using Gantry.Kube.Client.Informers;
using Gantry.Kube.Client.Reconciling;
using Gantry.Kube.Model.Core.V1;
using Microsoft.Extensions.Logging;

namespace Gantry.Kube.Controllers.ServiceAccounts;

/// <summary>
/// Gives every namespace its ServiceAccount "default" and the ConfigMap "kube-root-ca.crt" with the cluster's CA, and puts
/// them back when they are deleted or changed.
/// </summary>
public sealed class ServiceAccountController : IController, IDisposable
{
    private const string AccountName = "default";
    private const string RootCaName = "kube-root-ca.crt";
    private const string RootCaKey = "ca.crt";

    private readonly IKubeClient _client;
    private readonly string _rootCa;
    private readonly Informer<Namespace> _namespaces;
    private readonly Informer<ServiceAccount> _accounts;
    private readonly Informer<ConfigMap> _configMaps;
    private readonly ReconcileLoop _loop;

    /// <summary>Makes the controller; <paramref name="rootCaPem"/> is the CA certificate that pods trust.</summary>
    public ServiceAccountController(InformerSet informers, string rootCaPem, ILoggerFactory loggers, TimeProvider? time = null)
    {
        _client = informers.Client;
        _rootCa = rootCaPem;
        _loop = new ReconcileLoop("ServiceAccount", ReconcileAsync, loggers.CreateLogger<ServiceAccountController>(), time);
        _namespaces = informers.For<Namespace>();
        _accounts = informers.For<ServiceAccount>();
        _configMaps = informers.For<ConfigMap>();
        _namespaces.Subscribe((_, next) => Enqueue(next?.Metadata.Name));
        _accounts.Subscribe((previous, next) => Enqueue(next is null && previous!.Metadata.Name == AccountName ? previous.Metadata.Namespace : null));
        _configMaps.Subscribe((previous, next) => Enqueue((next ?? previous)!.Metadata.Name == RootCaName ? (next ?? previous)!.Metadata.Namespace : null));
    }

    /// <inheritdoc/>
    public Task RunAsync(CancellationToken cancellationToken) => _loop.RunAsync(1, cancellationToken);

    /// <inheritdoc/>
    public void Dispose() => _loop.Dispose();

    private void Enqueue(string? ns)
    {
        if (ns is not null)
        {
            _loop.Queue.Add(ns);
        }
    }

    private async Task ReconcileAsync(string ns, CancellationToken cancellationToken)
    {
        if (_namespaces.Get(ns) is not { Metadata.DeletionTimestamp: null })
        {
            return;
        }

        if (_accounts.Get(ns, AccountName) is null)
        {
            await _client.CreateAsync(new ServiceAccount { Metadata = new() { Name = AccountName, Namespace = ns } }, cancellationToken).ConfigureAwait(false);
        }

        var present = _configMaps.Get(ns, RootCaName);
        if (present is null)
        {
            var created = new ConfigMap { Metadata = new() { Name = RootCaName, Namespace = ns }, Data = new(StringComparer.Ordinal) { [RootCaKey] = _rootCa } };
            await _client.CreateAsync(created, cancellationToken).ConfigureAwait(false);
        }
        else if (present.Data?.GetValueOrDefault(RootCaKey) != _rootCa)
        {
            var update = present.DeepClone();
            update.Data = new(StringComparer.Ordinal) { [RootCaKey] = _rootCa };
            await _client.UpdateAsync(update, cancellationToken).ConfigureAwait(false);
        }
    }
}
