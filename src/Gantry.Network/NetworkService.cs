using System.Collections.Concurrent;
using System.Net;
using System.Text.Json;
using Gantry.Faults;
using Gantry.Linux.Netlink;
using Gantry.Network.Addresses;
using Gantry.Network.Firewall;
using Gantry.Network.Names;
using Gantry.Network.Networks;
using Gantry.Network.Ports;
using Gantry.Network.Sandboxes;
using Gantry.Store;
using Microsoft.Extensions.Logging;

namespace Gantry.Network;

/// <summary>
/// One instance's networks: bridges and their addresses, the sandboxes (namespaces) of containers and pods with their
/// connections, published ports, and name resolution. Thread-safe.
/// <para>Everything is in the store before it is in the kernel, so <see cref="InitializeAsync"/> can always rebuild or remove
/// what a killed gantryd left. Failures change nothing.</para>
/// </summary>
public sealed partial class NetworkService : INameSource, IAsyncDisposable
{
    private const string NetworkPrefix = "/network/networks/";
    private const string SandboxPrefix = "/network/sandboxes/";
    private readonly NetworkOptions _options;
    private readonly IStore _store;
    private readonly ILogger _logger;
    private readonly RouteSocket _routes;
    private readonly EngineFirewall _firewall;
    private readonly PortReservations _ports = new();
    private readonly SemaphoreSlim _networkChanges = new(1, 1);

    // Guarded by _lock. Records are immutable; pools are only touched under the lock.
    private readonly Lock _lock = new();
    private readonly Dictionary<string, NetworkRecord> _networks = [];
    private readonly Dictionary<string, SandboxRecord> _sandboxes = [];
    private readonly Dictionary<string, AddressPool> _pools = [];
    private readonly Dictionary<string, NameServer> _nameServers = [];
    private readonly Dictionary<string, int> _bridgeIndexes = [];

    /// <summary>Deletions of interfaces under way.</summary>
    private readonly ConcurrentDictionary<Task, byte> _deleting = new();

    /// <summary>Makes a service; call <see cref="InitializeAsync"/> before anything else.</summary>
    public NetworkService(NetworkOptions options, IStore store, ILogger<NetworkService> logger)
    {
        if (options.InstanceId.Length is 0 or > 6 || options.InstanceId.Any(letter => !char.IsAsciiLetterLower(letter) && !char.IsAsciiDigit(letter)))
        {
            throw new FaultException(FaultKind.InvalidArgument, $"instance id '{options.InstanceId}' must be one to six lower-case letters or digits");
        }

        _options = options;
        _store = store;
        _logger = logger;
        _routes = RouteSocket.Open();
        _firewall = new EngineFirewall(options.TableName);
    }

    /// <summary>The host's resolver configuration.</summary>
    public string HostResolvConf => _options.HostResolvConf;

    /// <summary>The default network's gateway: what <c>host-gateway</c> means.</summary>
    public string HostGateway => GetNetwork("bridge").Gateway;

    /// <summary>
    /// Loads the records, makes the predefined networks where they are missing, and brings the kernel to the recorded state:
    /// sysctls, bridges, routes, the firewall table, resolvers. Sandboxes whose namespaces are gone (a reboot) are forgotten;
    /// the caller then removes those whose owner is gone.
    /// </summary>
    public async Task InitializeAsync(CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(_options.PinDirectory);
        await LoadAsync(cancellationToken).ConfigureAwait(false);
        Sysctl.Write("net.ipv4.ip_forward", "1");
        AddUnreachable(_options.ContainerRange);
        if ((_options.PodClusterRange ?? _options.PodRange) is { } pods)
        {
            AddUnreachable(pods);
        }

        await EnsurePredefinedAsync(cancellationToken).ConfigureAwait(false);
        foreach (NetworkRecord network in ListBridges())
        {
            MakeBridge(network);
        }

        await ForgetLostSandboxesAsync(cancellationToken).ConfigureAwait(false);
        SweepInterfaces();
        RebuildFirewall();
    }

    /// <summary>
    /// Removes from the kernel everything of this instance: namespaces, veths, bridges, routes, the firewall table. The
    /// networks' records stay, so that the next start makes them again; sandboxes' records go.
    /// </summary>
    public async Task ShutdownAsync(bool removeAll, CancellationToken cancellationToken)
    {
        if (!removeAll)
        {
            return;
        }

        foreach (SandboxRecord sandbox in ListSandboxes())
        {
            await RemoveSandboxAsync(sandbox.Id, cancellationToken).ConfigureAwait(false);
        }

        await Task.WhenAll(_deleting.Keys).ConfigureAwait(false);
        _firewall.Remove();
        string[] ours = [_options.PodBridge, .. ListBridges().Select(network => network.Bridge)];
        foreach (LinkInfo link in _routes.ListLinks())
        {
            if (ours.Contains(link.Name) || link.Name.StartsWith($"gb{_options.InstanceId}-", StringComparison.Ordinal) || link.Name.StartsWith($"gv{_options.InstanceId}-", StringComparison.Ordinal))
            {
                _routes.DeleteLink(link.Name);
            }
        }

        DeleteUnreachable(_options.ContainerRange);
        if ((_options.PodClusterRange ?? _options.PodRange) is { } pods)
        {
            DeleteUnreachable(pods);
        }
    }

    /// <summary>Closes sockets; the kernel's state stays.</summary>
    public async ValueTask DisposeAsync()
    {
        await Task.WhenAll(_deleting.Keys).ConfigureAwait(false);
        lock (_lock)
        {
            foreach (NameServer server in _nameServers.Values)
            {
                server.Dispose();
            }

            _nameServers.Clear();
        }

        _ports.Dispose();
        _firewall.Dispose();
        _routes.Dispose();
    }

    private async Task LoadAsync(CancellationToken cancellationToken)
    {
        StorePage networks = await _store.RangeAsync(new StoreRange(NetworkPrefix), cancellationToken).ConfigureAwait(false);
        StorePage sandboxes = await _store.RangeAsync(new StoreRange(SandboxPrefix), cancellationToken).ConfigureAwait(false);
        lock (_lock)
        {
            foreach (StoreEntry entry in networks.Entries)
            {
                Remember(JsonSerializer.Deserialize(entry.Value.Span, NetworkJson.Default.NetworkRecord)!);
            }

            foreach (StoreEntry entry in sandboxes.Entries)
            {
                SandboxRecord sandbox = JsonSerializer.Deserialize(entry.Value.Span, NetworkJson.Default.SandboxRecord)!;
                _sandboxes[sandbox.Id] = sandbox;
                foreach (EndpointRecord endpoint in sandbox.Endpoints.Where(endpoint => endpoint.Address.Length > 0))
                {
                    if (_pools.TryGetValue(endpoint.NetworkId, out AddressPool? pool))
                    {
                        pool.Reserve(IPAddress.Parse(endpoint.Address));
                    }
                }
            }
        }
    }

    private async Task ForgetLostSandboxesAsync(CancellationToken cancellationToken)
    {
        foreach (SandboxRecord sandbox in ListSandboxes())
        {
            bool lost = sandbox.NetworkPath is { } path && !new NamespacePin(NamespaceKind.Network, path).Exists();
            if (lost)
            {
                await RemoveSandboxAsync(sandbox.Id, cancellationToken).ConfigureAwait(false);
                LogSandboxLost(sandbox.Id);
                continue;
            }

            sandbox.Ports.ForEach(_ports.Restore);
        }
    }

    /// <summary>Removes veths of this instance that no record knows.</summary>
    private void SweepInterfaces()
    {
        HashSet<string> known = [.. ListSandboxes().SelectMany(sandbox => sandbox.Endpoints).Select(endpoint => endpoint.HostInterface)];
        foreach (LinkInfo link in _routes.ListLinks())
        {
            if (link.Name.StartsWith(_options.VethName(""), StringComparison.Ordinal) && !known.Contains(link.Name))
            {
                _routes.DeleteLink(link.Name);
            }
        }
    }

    private void RebuildFirewall()
    {
        List<(PortMapping, string)> ports = [.. ListSandboxes()
            .Where(sandbox => sandbox.Ports.Count > 0 && sandbox.Endpoints.Count > 0)
            .SelectMany(sandbox => sandbox.Ports.Select(port => (port, sandbox.Endpoints[0].Address)))];
        List<(string, ushort)> resolvers = [];
        foreach (NetworkRecord network in ListBridges())
        {
            resolvers.Add((network.Gateway, StartNameServer(network)));
        }

        _firewall.Rebuild(ListBridges(), ports, resolvers, (_options.PodClusterRange ?? _options.PodRange)?.ToString());
    }

    private List<NetworkRecord> ListBridges()
    {
        lock (_lock)
        {
            return [.. _networks.Values.Where(network => network.Driver == "bridge")];
        }
    }

    private void AddUnreachable(Ipv4Range range) => _routes.AddUnreachable(range.Address, range.PrefixLength, _options.RouteMetric);

    private void DeleteUnreachable(Ipv4Range range) => _routes.DeleteUnreachable(range.Address, range.PrefixLength, _options.RouteMetric);

    private async Task PutAsync(string key, byte[]? value, CancellationToken cancellationToken) =>
        await _store.CommitAsync([new StoreOperation(key, value is null ? null : (ReadOnlyMemory<byte>?)value)], cancellationToken).ConfigureAwait(false);

    [LoggerMessage(1100, LogLevel.Warning, "Sandbox {Sandbox} was forgotten: its network namespace was gone")]
    private partial void LogSandboxLost(string sandbox);

    [LoggerMessage(1102, LogLevel.Error, "Sandbox {Sandbox}: its interfaces were not deleted: {Reason}")]
    private partial void LogDeletionFailed(string sandbox, string reason);

    [LoggerMessage(1101, LogLevel.Information, "Network {Name} was made with subnet {Subnet} on {Bridge}")]
    private partial void LogNetworkCreated(string name, string subnet, string bridge);
}
