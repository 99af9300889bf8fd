using System.Net;
using System.Security.Cryptography;
using System.Text.Json;
using Gantry.Faults;
using Gantry.Linux.Netlink;
using Gantry.Network.Addresses;
using Gantry.Network.Names;
using Gantry.Network.Networks;
using Gantry.Network.Sandboxes;

namespace Gantry.Network;

/// <content>Networks.</content>
public sealed partial class NetworkService
{
    /// <summary>All networks that Docker's users see.</summary>
    public IReadOnlyList<NetworkRecord> ListNetworks()
    {
        lock (_lock)
        {
            return [.. _networks.Values.Where(network => !network.IsPodNetwork)];
        }
    }

    /// <summary>
    /// The network of an id, a name or a unique beginning of an id: <c>NotFound</c> when there is none, <c>InvalidArgument</c>
    /// when the beginning fits several.
    /// </summary>
    public NetworkRecord GetNetwork(string reference)
    {
        lock (_lock)
        {
            if (_networks.TryGetValue(reference, out NetworkRecord? byId))
            {
                return byId;
            }

            string name = reference == "default" ? "bridge" : reference;
            if (_networks.Values.FirstOrDefault(network => network.Name == name) is { } byName)
            {
                return byName;
            }

            NetworkRecord[] beginning = reference.Length == 0 ? [] : [.. _networks.Values.Where(network => network.Id.StartsWith(reference, StringComparison.Ordinal))];
            return beginning.Length switch
            {
                1 => beginning[0],
                0 => throw new FaultException(FaultKind.NotFound, $"network {reference} not found"),
                _ => throw new FaultException(FaultKind.InvalidArgument, $"network {reference} is ambiguous ({beginning.Length} matches found on ID prefix)"),
            };
        }
    }

    /// <summary>Makes a network: <c>AlreadyExists</c> for a taken name, <c>InvalidArgument</c> or <c>PermissionDenied</c> for a subnet that cannot be had.</summary>
    public async Task<NetworkRecord> CreateNetworkAsync(NetworkSpec spec, CancellationToken cancellationToken)
    {
        if (spec.Driver is not "bridge")
        {
            throw spec.Driver is "host" or "null"
                ? new FaultException(FaultKind.PermissionDenied, $"only one instance of \"{spec.Driver}\" network is allowed")
                : new FaultException(FaultKind.NotFound, $"plugin \"{spec.Driver}\" not found");
        }

        if (spec.Name.Length == 0 || spec.Name.Any(letter => !char.IsAsciiLetterOrDigit(letter) && letter is not ('_' or '.' or '-')))
        {
            throw new FaultException(FaultKind.InvalidArgument, $"invalid network name \"{spec.Name}\": only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed");
        }

        await _networkChanges.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            NetworkRecord network = BuildRecord(spec, NewId());
            await PutAsync(NetworkPrefix + network.Id, JsonSerializer.SerializeToUtf8Bytes(network, NetworkJson.Default.NetworkRecord), cancellationToken).ConfigureAwait(false);
            try
            {
                MakeBridge(network);
                lock (_lock)
                {
                    Remember(network);
                }

                _firewall.AddNetwork(network);
                _firewall.SetResolver(network.Gateway, StartNameServer(network));
            }
            catch
            {
                await UnmakeNetworkAsync(network).ConfigureAwait(false);
                throw;
            }

            LogNetworkCreated(network.Name, network.Subnet, network.Bridge);
            return network;
        }
        finally
        {
            _networkChanges.Release();
        }
    }

    /// <summary>Removes a network: <c>PermissionDenied</c> for a predefined one and for one in use.</summary>
    public async Task<NetworkRecord> RemoveNetworkAsync(string reference, CancellationToken cancellationToken)
    {
        await _networkChanges.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            NetworkRecord network = GetNetwork(reference);
            if (network.IsPredefined)
            {
                throw new FaultException(FaultKind.PermissionDenied, $"{network.Name} is a pre-defined network and cannot be removed");
            }

            lock (_lock)
            {
                if (_sandboxes.Values.Any(sandbox => sandbox.Endpoints.Exists(endpoint => endpoint.NetworkId == network.Id)))
                {
                    throw new FaultException(FaultKind.PermissionDenied, $"error while removing network: network {network.Name} id {network.Id} has active endpoints");
                }

                _networks.Remove(network.Id);
            }

            await UnmakeNetworkAsync(network).ConfigureAwait(false);
            return network;
        }
        finally
        {
            _networkChanges.Release();
        }
    }

    /// <summary>The connections of a network: sandbox id and endpoint.</summary>
    public IReadOnlyList<(string SandboxId, EndpointRecord Endpoint)> ListEndpoints(string networkId)
    {
        lock (_lock)
        {
            return [.. _sandboxes.Values.SelectMany(sandbox => sandbox.Endpoints.Where(endpoint => endpoint.NetworkId == networkId).Select(endpoint => (sandbox.Id, endpoint)))];
        }
    }

    private async Task UnmakeNetworkAsync(NetworkRecord network)
    {
        lock (_lock)
        {
            _networks.Remove(network.Id);
            _pools.Remove(network.Id);
            _bridgeIndexes.Remove(network.Id);
            if (_nameServers.Remove(network.Id, out NameServer? server))
            {
                server.Dispose();
            }
        }

        _firewall.RemoveNetwork(network);
        _routes.DeleteLink(network.Bridge);
        // Not to be cancelled: the record goes last, when nothing is left that it would be needed for.
        await PutAsync(NetworkPrefix + network.Id, null, CancellationToken.None).ConfigureAwait(false);
    }

    private NetworkRecord BuildRecord(NetworkSpec spec, string id)
    {
        NetworkRecord[] present;
        lock (_lock)
        {
            present = [.. _networks.Values];
        }

        if (present.Any(network => network.Name == spec.Name))
        {
            throw new FaultException(FaultKind.AlreadyExists, $"network with name {spec.Name} already exists");
        }

        Ipv4Range subnet = spec.Subnet is { Length: > 0 } asked ? CheckSubnet(Ipv4Range.Parse(asked), present) : NextSubnet(present);
        IPAddress gateway = spec.Gateway ?? Ipv4Range.ToAddress(subnet.Base + 1);
        if (!subnet.Contains(gateway))
        {
            throw new FaultException(FaultKind.InvalidArgument, $"no matching subnet for gateway {gateway}");
        }

        if (spec.AddressRange is { Length: > 0 } range && !subnet.Contains(Ipv4Range.Parse(range)))
        {
            throw new FaultException(FaultKind.InvalidArgument, $"no matching subnet for range {range}");
        }

        spec.Options.TryGetValue("com.docker.network.bridge.name", out string? bridge);
        return new NetworkRecord
        {
            Id = id,
            Name = spec.Name,
            Driver = spec.Driver,
            Subnet = subnet.ToString(),
            AddressRange = spec.AddressRange ?? "",
            Gateway = gateway.ToString(),
            Bridge = bridge is { Length: > 0 and < 16 } ? bridge : _options.BridgeName(id),
            Internal = spec.Internal,
            Attachable = spec.Attachable,
            EnableIpv6 = spec.EnableIpv6,
            Labels = spec.Labels.ToDictionary(),
            Options = spec.Options.ToDictionary(),
            CreatedAt = DateTimeOffset.UtcNow,
        };
    }

    private static Ipv4Range CheckSubnet(Ipv4Range subnet, NetworkRecord[] present)
    {
        if (subnet.PrefixLength is < 8 or > 30)
        {
            throw new FaultException(FaultKind.InvalidArgument, $"invalid subnet {subnet}: the prefix must be between 8 and 30");
        }

        return present.Any(network => network.Subnet.Length > 0 && network.SubnetRange.Overlaps(subnet))
            ? throw new FaultException(FaultKind.PermissionDenied, "invalid pool request: Pool overlaps with other one on this address space")
            : subnet;
    }

    private Ipv4Range NextSubnet(NetworkRecord[] present)
    {
        // Routes of other interfaces count as well: another instance, another engine, the machine's own network.
        List<Ipv4Range> taken = [.. present.Where(network => network.Subnet.Length > 0).Select(network => network.SubnetRange)];
        taken.AddRange(_routes.ListRoutes().Where(route => route is { Unreachable: false, Destination: not null })
            .Select(route => new Ipv4Range(Ipv4Range.ToNumber(route.Destination!), route.PrefixLength)));
        Ipv4Range pool = _options.ContainerRange;
        int prefix = Math.Max(24, pool.PrefixLength);
        for (long start = pool.Base; start <= pool.Last; start += 1L << (32 - prefix))
        {
            Ipv4Range candidate = new((uint)start, prefix);
            if (!taken.Exists(range => range.Overlaps(candidate)))
            {
                return candidate;
            }
        }

        throw new FaultException(FaultKind.ResourceExhausted, "all predefined address pools have been fully subnetted");
    }

    private async Task EnsurePredefinedAsync(CancellationToken cancellationToken)
    {
        foreach ((string name, string driver) in ((string, string)[])[("host", "host"), ("none", "null")])
        {
            if (!Knows(name))
            {
                await StoreNetworkAsync(new NetworkRecord { Id = NewId(), Name = name, Driver = driver, CreatedAt = DateTimeOffset.UtcNow }, cancellationToken).ConfigureAwait(false);
            }
        }

        if (!Knows("bridge"))
        {
            Dictionary<string, string> options = new() { ["com.docker.network.bridge.default_bridge"] = "true" };
            string id = NewId();
            NetworkRecord network = BuildRecord(new NetworkSpec { Name = "bridge", Options = options }, id);
            await StoreNetworkAsync(network with { Bridge = _options.DefaultBridge ?? _options.BridgeName(id) }, cancellationToken).ConfigureAwait(false);
        }

        if (_options.PodRange is { } pods && !Knows("pods"))
        {
            NetworkRecord network = BuildRecord(new NetworkSpec { Name = "pods", Subnet = pods.ToString() }, NewId());
            await StoreNetworkAsync(network with { Bridge = _options.PodBridge, IsPodNetwork = true }, cancellationToken).ConfigureAwait(false);
        }
    }

    private bool Knows(string name)
    {
        lock (_lock)
        {
            return _networks.Values.Any(network => network.Name == name);
        }
    }

    private async Task StoreNetworkAsync(NetworkRecord network, CancellationToken cancellationToken)
    {
        await PutAsync(NetworkPrefix + network.Id, JsonSerializer.SerializeToUtf8Bytes(network, NetworkJson.Default.NetworkRecord), cancellationToken).ConfigureAwait(false);
        lock (_lock)
        {
            Remember(network);
        }
    }

    /// <summary>Called under the lock.</summary>
    private void Remember(NetworkRecord network)
    {
        _networks[network.Id] = network;
        if (network.Driver == "bridge")
        {
            Ipv4Range range = network.AddressRange.Length > 0 ? Ipv4Range.Parse(network.AddressRange) : network.SubnetRange;
            _pools[network.Id] = new AddressPool(network.SubnetRange, range, network.GatewayAddress);
        }
    }

    private void MakeBridge(NetworkRecord network)
    {
        int mtu = network.Options.TryGetValue("com.docker.network.driver.mtu", out string? text) && int.TryParse(text, out int asked) ? asked : _options.Mtu;
        int index = _routes.EnsureBridge(network.Bridge, HardwareAddress(network.GatewayAddress), mtu);
        _routes.AddAddress(index, network.GatewayAddress, network.SubnetRange.PrefixLength);
        // A published port is reached from the host by 127.0.0.1 too: such packets may leave by this bridge.
        Sysctl.Write($"net/ipv4/conf/{network.Bridge}/route_localnet", "1");
        lock (_lock)
        {
            _bridgeIndexes[network.Id] = index;
        }
    }

    private ushort StartNameServer(NetworkRecord network)
    {
        lock (_lock)
        {
            if (!_nameServers.TryGetValue(network.Id, out NameServer? server))
            {
                server = NameServer.Start(network.GatewayAddress, new ContainerNames(this), _options.HostResolvConf);
                _nameServers[network.Id] = server;
            }

            return server.Port;
        }
    }

    /// <summary>Docker's scheme: an address that is given to the next container keeps its hardware address, so that no cache is stale.</summary>
    private static byte[] HardwareAddress(IPAddress address) => [0x02, 0x42, .. address.GetAddressBytes()];

    private static string NewId() => Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(32));
}
