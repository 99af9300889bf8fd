using System.Globalization;
using System.Net;
using Gantry.Daemon.Configuration;
using Gantry.Daemon.Nodes;
using Gantry.Daemon.Storage;
using Gantry.Faults;
using Gantry.Kube.Api;
using Gantry.Kube.Api.Authentication;
using Gantry.Kube.Client.Events;
using Gantry.Kube.Client.Informers;
using Gantry.Kube.Controllers;
using Gantry.Kube.Network;
using Gantry.Kube.Network.Dns;
using Gantry.Kube.Network.Services;
using Gantry.Kube.Node;
using Gantry.Kube.Node.Runtime;
using Gantry.Kube.Scheduler;
using Gantry.Network.Addresses;
using Gantry.Store;
using Gantry.Store.Etcd;
using Gantry.Store.Sqlite;
using Microsoft.Extensions.Logging;

namespace Gantry.Daemon.Hosting;

/// <summary>The cluster floor, composed: store, API, controllers, scheduler, kubelet, Services and DNS.</summary>
internal sealed partial class ClusterRooms : IAsyncDisposable
{
    private static readonly TimeSpan s_leadRetry = TimeSpan.FromSeconds(1);

    private readonly DaemonOptions _options;
    private readonly ClusterStore _store;
    private readonly ILoggerFactory _loggers;
    private readonly List<Task> _running = [];
    private readonly CancellationTokenSource _stop = new();
    private InformerSet? _informers;
    private ControllerSet? _controllers;
    private PodScheduler? _scheduler;
    private Kubelet? _kubelet;
    private ServiceProxy? _services;
    private ClusterDns? _dns;

    private ClusterRooms(DaemonOptions options, ClusterStore store, ClusterCertificates certificates, KubeApiServer api, ILoggerFactory loggers)
    {
        _options = options;
        _store = store;
        Choice = options.Store;
        Certificates = certificates;
        Api = api;
        _loggers = loggers;
    }

    public ClusterCertificates Certificates { get; }

    public KubeApiServer Api { get; }

    public ClusterStore Store => _store;

    /// <summary>Where the store is at present.</summary>
    public StoreChoice Choice { get; private set; }

    /// <summary>Opens the store and the API; needs nothing of the engine.</summary>
    public static async Task<ClusterRooms> OpenAsync(DaemonOptions options, ILoggerFactory loggers, CancellationToken cancellationToken)
    {
        var store = new ClusterStore(await OpenStoreAsync(options, cancellationToken).ConfigureAwait(false));
        try
        {
            var certificates = ClusterCertificates.Open(Path.Combine(options.Root, "pki"), Names(options), Addresses(options));
            var range = options.ServiceRange;
            var api = new KubeApiServer(
                store,
                certificates,
                new KubeApiOptions
                {
                    ServiceRange = new IPNetwork(range.Address, range.PrefixLength),
                    FirstNodePort = options.FirstNodePort,
                    LastNodePort = options.LastNodePort,
                    Issuer = $"https://kubernetes.default.svc.{options.ClusterDomain}",
                },
                loggers);
            await api.BootstrapAsync(options.ApiAddress.Port, cancellationToken).ConfigureAwait(false);
            return new ClusterRooms(options, store, certificates, api, loggers);
        }
        catch
        {
            await store.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Starts everything that works on the API's objects, on the engine's containers.</summary>
    public async Task StartAsync(EngineRooms engine, string version, CancellationToken cancellationToken)
    {
        var client = Api.CreateClient("system:kube-controller-manager");
        _informers = new InformerSet(client, _loggers);
        var events = new EventRecorder(client, _loggers.CreateLogger<EventRecorder>());
        _controllers = new ControllerSet(_informers, events, Certificates.AuthorityPem, _loggers);
        _scheduler = new PodScheduler(_informers, events, _loggers);
        _kubelet = new Kubelet(KubeletOptions(version), _informers, events, new EnginePodRuntime(engine.Engine, version), _loggers);
        var network = NetworkOptions(engine);
        _services = new ServiceProxy(network, _informers, _loggers);
        _dns = new ClusterDns(network, _informers);
        _kubelet.Drain.IsServed = _services.IsServed;
        var proxy = new KubeletStreams(_kubelet.Proxy);
        Api.Nodes = name => name == _options.NodeName ? proxy : null;

        _running.Add(_informers.RunAsync(_stop.Token));
        _services.Start();
        await _kubelet.RegisterAsync(cancellationToken).ConfigureAwait(false);
        await _dns.StartAsync(cancellationToken).ConfigureAwait(false);
        await HostService.PublishAsync(client, "default", "kubernetes", _options.NodeAddress.ToString(), [("https", "TCP", _options.ApiAddress.Port)], cancellationToken).ConfigureAwait(false);
        await _informers.WaitForSyncAsync(cancellationToken).ConfigureAwait(false);
        _running.AddRange([
            events.RunAsync(_stop.Token),
            _services.RunAsync(_stop.Token),
            LeadAsync(_stop.Token),
            _kubelet.RunAsync(_stop.Token),
        ]);
    }

    /// <summary>Moves the cluster to another store while it runs.</summary>
    public async Task MigrateAsync(StoreChoice to, Action<string> say, CancellationToken cancellationToken)
    {
        await StoreMigration.RunAsync(_store, _options.Root, Choice, to, _options.History, say, cancellationToken).ConfigureAwait(false);
        Choice = to;
    }

    /// <summary>For down, first half: nothing is started any more.</summary>
    public async Task StopWorkAsync()
    {
        await _stop.CancelAsync().ConfigureAwait(false);
        if (_kubelet is not null)
        {
            await _kubelet.DisposeAsync().ConfigureAwait(false);
        }

        await Task.WhenAll(_running).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _running.Clear();
    }

    /// <summary>For down, second half, once the engine has stopped the containers: takes the rest out of the kernel.</summary>
    public void RemoveAll()
    {
        _services?.RemoveAll();
        _kubelet?.RemoveAll();
    }

    public async ValueTask DisposeAsync()
    {
        await StopWorkAsync().ConfigureAwait(false);
        _dns?.Dispose();
        _services?.Dispose();
        _scheduler?.Dispose();
        _controllers?.Dispose();
        await Api.DisposeAsync().ConfigureAwait(false);
        await _store.DisposeAsync().ConfigureAwait(false);
        Certificates.Dispose();
        _stop.Dispose();
    }

    private static async Task<IStore> OpenStoreAsync(DaemonOptions options, CancellationToken cancellationToken)
    {
        if (options.Store.Kind == StoreChoice.Sqlite)
        {
            return SqliteStore.Open(StoreChoice.ToSqliteOptions(options.Root, options.History));
        }

        var store = await EtcdStore.OpenAsync(options.Store.ToEtcdOptions(options.History), cancellationToken).ConfigureAwait(false);
        if (StoreChoiceFile.Read(options.Root) is null)
        {
            // From now on this root's cluster is there, also when the next start is without the settings.
            StoreChoiceFile.Write(options.Root, options.Store);
        }

        return store;
    }

    /// <summary>Runs what only one process of a cluster may run, as long as this one is it.</summary>
    private async Task LeadAsync(CancellationToken cancellationToken)
    {
        var logger = _loggers.CreateLogger<ClusterRooms>();
        while (!cancellationToken.IsCancellationRequested)
        {
            try
            {
                await LeadOnceAsync(logger, cancellationToken).ConfigureAwait(false);
            }
            catch (FaultException failure)
            {
                // A store that fails is tried again: a cluster without controllers would look as if it were well.
                LogNotLeading(logger, failure.Message);
                await Task.Delay(s_leadRetry, cancellationToken).ConfigureAwait(false);
            }
        }
    }

    private async Task LeadOnceAsync(ILogger logger, CancellationToken cancellationToken)
    {
        var leadership = await _store.LeadAsync("controllers", $"{_options.NodeName} {_options.Root}", cancellationToken).ConfigureAwait(false);
        await using (leadership.ConfigureAwait(false))
        {
            LogLeading(logger, _store.Current is IStoreElection);
            using var term = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, leadership.Lost);
            await Task.WhenAll(_controllers!.RunAsync(term.Token), _scheduler!.RunAsync(term.Token)).ConfigureAwait(false);
        }
    }

    [LoggerMessage(9011, LogLevel.Warning, "Controllers and scheduler wait, since the store failed: {Reason}")]
    private static partial void LogNotLeading(ILogger logger, string reason);

    [LoggerMessage(9010, LogLevel.Information, "Controllers and scheduler began to work (the store is shared: {Shared})")]
    private static partial void LogLeading(ILogger logger, bool shared);

    private KubeletOptions KubeletOptions(string version) => new()
    {
        NodeName = _options.NodeName,
        NodeAddress = _options.NodeAddress.ToString(),
        Directory = Path.Combine(_options.Root, "kubelet"),
        CgroupRoot = $"{_options.CgroupRoot}/kubepods",
        ClusterDns = _options.DnsAddress.ToString(),
        ClusterDomain = _options.ClusterDomain,
        PodCidr = _options.NodePodRange.ToString(),
        Version = string.Create(CultureInfo.InvariantCulture, $"v1.32.0+gantry{version}"),
    };

    private ClusterNetworkOptions NetworkOptions(EngineRooms engine)
    {
        var pods = engine.Networks.GetNetwork("pods");
        return new ClusterNetworkOptions
        {
            InstanceId = _options.InstanceId,
            NodeName = _options.NodeName,
            ServiceRange = _options.ServiceRange,
            PodClusterRange = _options.PodClusterRange,
            PodBridge = pods.Bridge,
            PodGateway = pods.Gateway,
            DnsAddress = _options.DnsAddress.ToString(),
            ClusterDomain = _options.ClusterDomain,
        };
    }

    private static string[] Names(DaemonOptions options) =>
        ["localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc", $"kubernetes.default.svc.{options.ClusterDomain}", options.NodeName];

    private static IPAddress[] Addresses(DaemonOptions options) =>
        [IPAddress.Loopback, options.NodeAddress, Ipv4Range.ToAddress(options.ServiceRange.Base + 1), .. options.ApiAddress.Address.Equals(IPAddress.Any) ? Array.Empty<IPAddress>() : [options.ApiAddress.Address]];
}
