using System.Collections.Concurrent;
using System.Collections.Immutable;
using Gantry.Faults;
using Gantry.Kube.Client;
using Gantry.Kube.Client.Informers;
using Gantry.Kube.Client.Reconciling;
using Gantry.Kube.Model.Core.V1;
using Gantry.Kube.Model.Discovery.V1;
using Gantry.Linux.Netlink;
using Microsoft.Extensions.Logging;

namespace Gantry.Kube.Network.Services;

/// <summary>
/// Carries the cluster's Services on this node: follows Services and EndpointSlices, and keeps the nftables table and the
/// route of the Services' range. A packet for an address of the range that nobody serves is rejected and never leaves.
/// </summary>
public sealed partial class ServiceProxy : IDisposable
{
    private const string ServiceNameLabel = "kubernetes.io/service-name";
    private const string BridgeFilter = "/proc/sys/net/bridge/bridge-nf-call-iptables";

    private readonly ClusterNetworkOptions _options;
    private readonly ILogger _logger;
    private readonly Informer<Service> _services;
    private readonly InformerIndex<EndpointSlice> _slicesByService;
    private readonly ReconcileLoop _loop;
    private readonly ServiceTable _table;
    private readonly ConcurrentDictionary<string, ImmutableArray<ServicePortState>> _applied = new(StringComparer.Ordinal);

    /// <summary>Makes the proxy; <see cref="Start"/> prepares the machine.</summary>
    public ServiceProxy(ClusterNetworkOptions options, InformerSet informers, ILoggerFactory loggers)
    {
        _options = options;
        _logger = loggers.CreateLogger<ServiceProxy>();
        _table = new ServiceTable(options, EnableBridgeFilter());
        _loop = new ReconcileLoop("ServiceProxy", ReconcileAsync, _logger);
        _services = informers.For<Service>();
        var slices = informers.For<EndpointSlice>();
        _slicesByService = slices.Index(slice => ServiceKey(slice) is { } key ? [key] : []);
        _services.Subscribe((previous, next) => _loop.Queue.Add(ObjectKey.Of((next ?? previous)!)));
        slices.Subscribe((previous, next) =>
        {
            if (ServiceKey((next ?? previous)!) is { } key)
            {
                _loop.Queue.Add(key);
            }
        });
    }

    /// <summary>Whether a Service sends new connections to a pod's address.</summary>
    public bool IsServed(string podAddress) =>
        _applied.Values.Any(ports => ports.Any(port => port.Endpoints.Any(endpoint => endpoint.Address == podAddress)));

    /// <summary>Puts up the range's routes. The pod bridge must exist.</summary>
    public void Start()
    {
        using var routes = RouteSocket.Open();
        routes.AddUnreachable(_options.ServiceRange.Address, _options.ServiceRange.PrefixLength, _options.RouteMetric);
        var bridge = routes.FindLink(_options.PodBridge)
            ?? throw new FaultException(FaultKind.FailedPrecondition, $"bridge {_options.PodBridge} does not exist");
        // A process of the host needs a route before its packet meets the NAT rule; the bridge gives it a source address
        // that pods can answer.
        routes.AddRoute(_options.ServiceRange.Address, _options.ServiceRange.PrefixLength, null, bridge.Index);
    }

    /// <summary>Builds the table from the synced caches, then follows changes until cancelled.</summary>
    public Task RunAsync(CancellationToken cancellationToken)
    {
        Rebuild();
        return _loop.RunAsync(1, cancellationToken);
    }

    /// <summary>For down: removes table and routes.</summary>
    public void RemoveAll()
    {
        _table.Remove();
        using var routes = RouteSocket.Open();
        try
        {
            routes.DeleteUnreachable(_options.ServiceRange.Address, _options.ServiceRange.PrefixLength, _options.RouteMetric);
        }
        catch (FaultException)
        {
            // It is not there: the start never came so far. The other route went with its bridge.
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _loop.Dispose();
        _table.Dispose();
    }

    private void Rebuild()
    {
        _applied.Clear();
        foreach (var service in _services.List().OrderBy(service => service.Metadata.CreationTimestamp))
        {
            _applied[ObjectKey.Of(service)] = Compile(service);
        }

        _table.Rebuild(_applied.Values.SelectMany(ports => ports));
    }

    private Task ReconcileAsync(string key, CancellationToken cancellationToken)
    {
        var service = _services.Get(key);
        var old = _applied.GetValueOrDefault(key, []);
        var next = service is null ? [] : Compile(service);
        if (old.SequenceEqual(next))
        {
            return Task.CompletedTask;
        }

        try
        {
            _table.Replace(old, next);
            if (next.IsEmpty)
            {
                _applied.TryRemove(key, out _);
            }
            else
            {
                _applied[key] = next;
            }
        }
        catch (FaultException fault)
        {
            // Somebody else changed the table, or two Services claim one address and port: the whole is made anew, and the
            // older Service keeps what both want.
            LogRebuilt(_logger, key, fault.Message);
            Rebuild();
        }

        return Task.CompletedTask;
    }

    private ImmutableArray<ServicePortState> Compile(Service service) =>
        ServiceCompiler.Compile(service, [.. _slicesByService.Get(ObjectKey.Of(service)).OrderBy(slice => slice.Metadata.Name, StringComparer.Ordinal)], _options.NodeName);

    private static string? ServiceKey(EndpointSlice slice) =>
        slice.Metadata.Labels?.GetValueOrDefault(ServiceNameLabel) is { } name ? ObjectKey.Of(slice.Metadata.Namespace, name) : null;

    private static bool EnableBridgeFilter()
    {
        if (!File.Exists(BridgeFilter))
        {
            return false;
        }

        File.WriteAllText(BridgeFilter, "1");
        return true;
    }

    [LoggerMessage(7001, LogLevel.Warning, "Services table was rebuilt after {Service} could not be changed: {Reason}")]
    private static partial void LogRebuilt(ILogger logger, string service, string reason);
}
