using System.Net;
using System.Text.Json;
using Gantry.Faults;
using Gantry.Linux.Netlink;
using Gantry.Network.Networks;
using Gantry.Network.Ports;
using Gantry.Network.Sandboxes;

namespace Gantry.Network;

/// <content>Sandboxes and their connections.</content>
public sealed partial class NetworkService
{
    /// <summary>All sandboxes.</summary>
    public IReadOnlyList<SandboxRecord> ListSandboxes()
    {
        lock (_lock)
        {
            return [.. _sandboxes.Values];
        }
    }

    /// <summary>The sandbox of a container or pod, or null.</summary>
    public SandboxRecord? FindSandbox(string id)
    {
        lock (_lock)
        {
            return _sandboxes.GetValueOrDefault(id);
        }
    }

    /// <summary>
    /// Makes a sandbox: its namespaces, pinned; its connections; its published ports. <c>Conflict</c> when a port is taken,
    /// <c>AlreadyExists</c> when the sandbox is there. When anything fails nothing stays.
    /// </summary>
    public async Task<SandboxRecord> CreateSandboxAsync(SandboxRequest request, CancellationToken cancellationToken)
    {
        SandboxRecord sandbox = Plan(request);
        try
        {
            await PutSandboxAsync(sandbox, cancellationToken).ConfigureAwait(false);
            MakeNamespaces(sandbox, request);
            if (sandbox.Endpoints.Count > 0)
            {
                using RouteSocket inside = RouteSocket.Open(new NetworkNamespace(sandbox.NetworkPath!));
                for (int index = 0; index < sandbox.Endpoints.Count; index++)
                {
                    Connect(sandbox, sandbox.Endpoints[index], inside, isDefault: index == 0);
                }
            }

            if (sandbox.Ports.Count > 0)
            {
                _firewall.AddPorts(sandbox.Ports, sandbox.Endpoints[0].Address);
            }

            return sandbox;
        }
        catch
        {
            await RemoveSandboxAsync(sandbox.Id, CancellationToken.None).ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>
    /// Removes a sandbox and everything of it; one that is not there is ignored. Processes inside keep the namespaces alive, without a
    /// network. Ports and names are free when this returns; the interfaces go a little later, and the addresses with them, since
    /// the kernel takes tens of milliseconds to let an interface go.
    /// </summary>
    public async Task RemoveSandboxAsync(string id, CancellationToken cancellationToken)
    {
        SandboxRecord? sandbox = FindSandbox(id);
        if (sandbox is null)
        {
            return;
        }

        _firewall.RemovePorts(sandbox.Ports);
        foreach (NamespacePin pin in Pins(sandbox))
        {
            pin.Remove();
        }

        // Interfaces that outlive the record because gantryd is killed now are removed by the next start's sweep.
        await PutAsync(SandboxPrefix + id, null, cancellationToken).ConfigureAwait(false);
        bool removed;
        lock (_lock)
        {
            removed = _sandboxes.Remove(id);
        }

        sandbox.Ports.ForEach(_ports.Release);
        if (removed && sandbox.Endpoints.Count > 0)
        {
            Task deleting = Task.Run(() => DeleteInterfaces(sandbox), CancellationToken.None);
            _deleting[deleting] = 0;
            _ = deleting.ContinueWith(done => _deleting.TryRemove(done, out _), CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        }
    }

    private void DeleteInterfaces(SandboxRecord sandbox)
    {
        try
        {
            // A socket of its own: the deletion must not hold up those who make interfaces.
            using RouteSocket routes = RouteSocket.Open();
            foreach (EndpointRecord endpoint in sandbox.Endpoints.Where(endpoint => endpoint.HostInterface.Length > 0))
            {
                routes.DeleteLink(endpoint.HostInterface);
            }

            lock (_lock)
            {
                Release(sandbox.Endpoints);
            }
        }
        catch (FaultException fault)
        {
            // The addresses stay taken: better than to give one to two containers.
            LogDeletionFailed(sandbox.Id, fault.Message);
        }
    }

    /// <summary>Connects a running sandbox to another network: <c>PermissionDenied</c> when it is connected already.</summary>
    public async Task<SandboxRecord> ConnectAsync(string id, EndpointRequest request, CancellationToken cancellationToken)
    {
        SandboxRecord sandbox = FindSandbox(id) ?? throw new FaultException(FaultKind.FailedPrecondition, $"container {id} has no network sandbox");
        EndpointRecord endpoint;
        SandboxRecord changed;
        lock (_lock)
        {
            endpoint = PlanEndpoint(request, sandbox.Id, FreeInterface(sandbox));
            changed = sandbox with { Endpoints = [.. sandbox.Endpoints, endpoint] };
            _sandboxes[id] = changed;
        }

        try
        {
            await PutSandboxAsync(changed, cancellationToken).ConfigureAwait(false);
            using RouteSocket inside = RouteSocket.Open(new NetworkNamespace(sandbox.NetworkPath!));
            Connect(changed, endpoint, inside, isDefault: sandbox.Endpoints.Count == 0);
            return changed;
        }
        catch
        {
            await DisconnectAsync(id, endpoint.NetworkId, CancellationToken.None).ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Takes a sandbox off a network; the default route then goes by the first network that is left.</summary>
    public async Task<SandboxRecord> DisconnectAsync(string id, string networkId, CancellationToken cancellationToken)
    {
        SandboxRecord sandbox = FindSandbox(id) ?? throw new FaultException(FaultKind.FailedPrecondition, $"container {id} has no network sandbox");
        EndpointRecord endpoint = sandbox.Endpoints.Find(endpoint => endpoint.NetworkId == networkId)
            ?? throw new FaultException(FaultKind.FailedPrecondition, $"container {id} is not connected to network {networkId}");
        _routes.DeleteLink(endpoint.HostInterface);
        SandboxRecord changed = sandbox with { Endpoints = [.. sandbox.Endpoints.Where(other => other != endpoint)] };
        if (sandbox.Endpoints[0] == endpoint && changed.Endpoints is [EndpointRecord next, ..] && !GetNetwork(next.NetworkId).Internal)
        {
            using RouteSocket inside = RouteSocket.Open(new NetworkNamespace(sandbox.NetworkPath!));
            inside.AddRoute(null, 0, IPAddress.Parse(next.Gateway), inside.FindLink(next.Interface)!.Index);
        }

        await PutSandboxAsync(changed, cancellationToken).ConfigureAwait(false);
        lock (_lock)
        {
            _sandboxes[id] = changed;
            Release([endpoint]);
        }

        return changed;
    }

    /// <summary>Gives the connections of a sandbox other names, as a rename does.</summary>
    public async Task RenameAsync(string id, string oldName, string newName, CancellationToken cancellationToken)
    {
        SandboxRecord? changed;
        lock (_lock)
        {
            if (!_sandboxes.TryGetValue(id, out SandboxRecord? sandbox))
            {
                return;
            }

            changed = sandbox with { Endpoints = [.. sandbox.Endpoints.Select(endpoint => endpoint with { Names = [.. endpoint.Names.Select(name => name == oldName ? newName : name)] })] };
            _sandboxes[id] = changed;
        }

        await PutSandboxAsync(changed, cancellationToken).ConfigureAwait(false);
    }

    IReadOnlyList<IPAddress>? Names.INameSource.Resolve(IPAddress asking, string name)
    {
        lock (_lock)
        {
            HashSet<string> visible = VisibleNetworks(asking);
            List<IPAddress> addresses = [.. _sandboxes.Values.SelectMany(sandbox => sandbox.Endpoints)
                .Where(endpoint => visible.Contains(endpoint.NetworkId) && endpoint.Names.Exists(own => string.Equals(own, name, StringComparison.OrdinalIgnoreCase)
                    || string.Equals($"{own}.{endpoint.NetworkName}", name, StringComparison.OrdinalIgnoreCase)))
                .Select(endpoint => IPAddress.Parse(endpoint.Address))];
            return addresses.Count > 0 ? addresses : null;
        }
    }

    string? Names.INameSource.ResolveAddress(IPAddress asking, IPAddress address)
    {
        lock (_lock)
        {
            HashSet<string> visible = VisibleNetworks(asking);
            string text = address.ToString();
            return _sandboxes.Values.SelectMany(sandbox => sandbox.Endpoints)
                .Where(endpoint => visible.Contains(endpoint.NetworkId) && endpoint.Address == text && endpoint.Names.Count > 0)
                .Select(endpoint => $"{endpoint.Names[0]}.{endpoint.NetworkName}").FirstOrDefault();
        }
    }

    private HashSet<string> VisibleNetworks(IPAddress asking)
    {
        string text = asking.ToString();
        return [.. _sandboxes.Values.Where(sandbox => sandbox.Endpoints.Exists(endpoint => endpoint.Address == text))
            .SelectMany(sandbox => sandbox.Endpoints.Select(endpoint => endpoint.NetworkId))
            .Where(network => _networks.TryGetValue(network, out NetworkRecord? record) && record.ResolvesNames)];
    }

    private SandboxRecord Plan(SandboxRequest request)
    {
        List<PortMapping> ports = [];
        List<EndpointRecord> endpoints = [];
        string Pin(string kind) => Path.Combine(_options.PinDirectory, $"{request.Id}.{kind}");
        try
        {
            lock (_lock)
            {
                if (_sandboxes.ContainsKey(request.Id))
                {
                    throw new FaultException(FaultKind.AlreadyExists, $"network sandbox {request.Id} exists");
                }

                foreach (EndpointRequest endpoint in request.Endpoints)
                {
                    endpoints.Add(PlanEndpoint(endpoint, request.Id, $"eth{endpoints.Count}"));
                }

                if (endpoints.Count > 0)
                {
                    foreach (PortMapping port in request.Ports)
                    {
                        ports.Add(_ports.Reserve(port));
                    }
                }

                SandboxRecord sandbox = new()
                {
                    Id = request.Id,
                    Endpoints = endpoints,
                    Ports = ports,
                    NetworkPath = request.NetworkNamespace ? Pin("net") : null,
                    IpcPath = request.PodHostName is null ? null : Pin("ipc"),
                    UtsPath = request.PodHostName is null ? null : Pin("uts"),
                };
                _sandboxes[request.Id] = sandbox;
                return sandbox;
            }
        }
        catch
        {
            ports.ForEach(_ports.Release);
            lock (_lock)
            {
                Release(endpoints);
            }

            throw;
        }
    }

    /// <summary>Called under the lock.</summary>
    private EndpointRecord PlanEndpoint(EndpointRequest request, string sandboxId, string interfaceName)
    {
        NetworkRecord network = GetNetwork(request.Network);
        if (network.Driver != "bridge")
        {
            throw new FaultException(FaultKind.InvalidArgument, $"container cannot be connected to network {network.Name}: it has no addresses");
        }

        if (_sandboxes.TryGetValue(sandboxId, out SandboxRecord? present) && present.Endpoints.Exists(endpoint => endpoint.NetworkId == network.Id))
        {
            throw new FaultException(FaultKind.PermissionDenied, $"endpoint with name {request.Names.FirstOrDefault() ?? sandboxId} already exists in network {network.Name}");
        }

        AddressPool(network, request.Address, out IPAddress address);
        string endpointId = NewId();
        return new EndpointRecord
        {
            EndpointId = endpointId,
            NetworkId = network.Id,
            NetworkName = network.Name,
            Address = address.ToString(),
            PrefixLength = network.SubnetRange.PrefixLength,
            Gateway = network.Gateway,
            HardwareAddress = request.HardwareAddress is { Length: > 0 } asked ? asked.ToLowerInvariant() : Format(HardwareAddress(address)),
            HostInterface = _options.VethName(endpointId[..6]),
            Interface = interfaceName,
            Names = [.. request.Names],
        };
    }

    private void AddressPool(NetworkRecord network, IPAddress? asked, out IPAddress address)
    {
        Addresses.AddressPool pool = _pools[network.Id];
        if (asked is null)
        {
            address = pool.Allocate();
        }
        else
        {
            pool.Reserve(asked);
            address = asked;
        }
    }

    /// <summary>Called under the lock.</summary>
    private void Release(IEnumerable<EndpointRecord> endpoints)
    {
        foreach (EndpointRecord endpoint in endpoints)
        {
            if (_pools.TryGetValue(endpoint.NetworkId, out Addresses.AddressPool? pool))
            {
                pool.Release(IPAddress.Parse(endpoint.Address));
            }
        }
    }

    private static void MakeNamespaces(SandboxRecord sandbox, SandboxRequest request)
    {
        NamespacePin[] pins = [.. Pins(sandbox)];
        if (pins.Length == 0)
        {
            return;
        }

        NamespacePin.Create(pins, () =>
        {
            if (sandbox.NetworkPath is not null)
            {
                // Addresses are IPv4 only; without this every interface would get a link-local IPv6 address after a second of
                // duplicate address detection. Loopback keeps ::1.
                Sysctl.Write("net.ipv6.conf.default.disable_ipv6", "1");
                // Docker's default: unprivileged processes may listen on low ports and ping inside their own namespace.
                Sysctl.Write("net.ipv4.ip_unprivileged_port_start", "0");
                Sysctl.Write("net.ipv4.ping_group_range", "0 2147483647");
                if (sandbox.Endpoints.Count == 0)
                {
                    using RouteSocket loopback = RouteSocket.Open();
                    loopback.SetUp(1);
                }
            }

            if (request.PodHostName is { } name)
            {
                NamespacePin.SetHostName(name);
            }

            foreach ((string key, string value) in request.Sysctls)
            {
                Sysctl.Write(key, value);
            }
        });
    }

    private void Connect(SandboxRecord sandbox, EndpointRecord endpoint, RouteSocket inside, bool isDefault)
    {
        NetworkRecord network = GetNetwork(endpoint.NetworkId);
        int bridge;
        lock (_lock)
        {
            bridge = _bridgeIndexes[endpoint.NetworkId];
        }

        _routes.AddVeth(new VethSpec
        {
            HostName = endpoint.HostInterface,
            PeerName = endpoint.Interface,
            PeerNamespace = new NetworkNamespace(sandbox.NetworkPath!),
            BridgeIndex = bridge,
            PeerHardwareAddress = Convert.FromHexString(endpoint.HardwareAddress.Replace(":", "", StringComparison.Ordinal)),
            Mtu = _options.Mtu,
        });
        LinkInfo own = inside.FindLink(endpoint.Interface)!;
        IPAddress? gateway = isDefault && !network.Internal ? IPAddress.Parse(endpoint.Gateway) : null;
        inside.ConfigureContainer(own.Index, IPAddress.Parse(endpoint.Address), endpoint.PrefixLength, gateway);
        if (sandbox.Ports.Count > 0)
        {
            _routes.SetHairpin(_routes.FindLink(endpoint.HostInterface)!.Index);
        }
    }

    private async Task PutSandboxAsync(SandboxRecord sandbox, CancellationToken cancellationToken) =>
        await PutAsync(SandboxPrefix + sandbox.Id, JsonSerializer.SerializeToUtf8Bytes(sandbox, NetworkJson.Default.SandboxRecord), cancellationToken).ConfigureAwait(false);

    private static IEnumerable<NamespacePin> Pins(SandboxRecord sandbox)
    {
        if (sandbox.NetworkPath is { } network)
        {
            yield return new NamespacePin(NamespaceKind.Network, network);
        }

        if (sandbox.IpcPath is { } ipc)
        {
            yield return new NamespacePin(NamespaceKind.Ipc, ipc);
        }

        if (sandbox.UtsPath is { } uts)
        {
            yield return new NamespacePin(NamespaceKind.Uts, uts);
        }
    }

    private static string FreeInterface(SandboxRecord sandbox)
    {
        int index = 0;
        while (sandbox.Endpoints.Exists(endpoint => endpoint.Interface == $"eth{index}"))
        {
            index++;
        }

        return $"eth{index}";
    }

    private static string Format(byte[] hardwareAddress) => string.Join(':', hardwareAddress.Select(part => part.ToString("x2", System.Globalization.CultureInfo.InvariantCulture)));
}
