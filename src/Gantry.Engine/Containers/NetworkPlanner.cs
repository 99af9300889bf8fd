using System.Globalization;
using System.Net;
using Gantry.Engine.Sandboxes;
using Gantry.Engine.Specs;
using Gantry.Faults;
using Gantry.Network;
using Gantry.Network.Files;
using Gantry.Network.Networks;
using Gantry.Network.Ports;
using Gantry.Network.Sandboxes;

namespace Gantry.Engine.Containers;

/// <summary>Gives a starting container its namespaces and the files under /etc that depend on the network.</summary>
internal sealed class NetworkPlanner(EngineOptions options, NetworkService networks, ContainerTable table, SandboxService sandboxes)
{
    private const string ContainerPrefix = "container:";

    /// <summary>Makes the container's network sandbox where it has one of its own, and says which namespaces it joins.</summary>
    internal async Task<NamespacePlan> PrepareAsync(ContainerRecord container, CancellationToken cancellationToken)
    {
        ContainerSpec spec = container.Spec;
        if (spec.SandboxId is { } sandboxId)
        {
            return sandboxes.Join(sandboxId);
        }

        string network = await PrepareNetworkAsync(container, cancellationToken).ConfigureAwait(false);
        return new NamespacePlan
        {
            Network = network,
            Ipc = spec.IpcMode == "host" ? NamespacePlan.Host : OtherProcess(spec.IpcMode, "ipc"),
            Uts = spec.UtsMode == "host" ? NamespacePlan.Host : null,
            Pid = spec.PidMode == "host" ? NamespacePlan.Host : OtherProcess(spec.PidMode, "pid"),
        };
    }

    /// <summary>Writes hosts, hostname and resolv.conf and says where they are mounted.</summary>
    internal List<(string Source, string Target)> WriteFiles(ContainerRecord container, string hostName)
    {
        ContainerSpec spec = container.Spec;
        if (spec.SandboxId is { } sandboxId)
        {
            return sandboxes.Files(sandboxId);
        }

        string directory = Path.Combine(options.ContainersDirectory, container.Id);
        string owner = spec.NetworkMode.StartsWith(ContainerPrefix, StringComparison.Ordinal) ? table.Get(spec.NetworkMode[ContainerPrefix.Length..]).Id : container.Id;
        if (owner != container.Id)
        {
            directory = Path.Combine(options.ContainersDirectory, owner);
        }
        else
        {
            SandboxRecord? sandbox = networks.FindSandbox(container.Id);
            File.WriteAllText(Path.Combine(directory, "hostname"), hostName + "\n");
            File.WriteAllText(Path.Combine(directory, "hosts"), Hosts(spec, sandbox, hostName));
            File.WriteAllText(Path.Combine(directory, "resolv.conf"), Resolver(spec, sandbox).Render());
        }

        return
        [
            (Path.Combine(directory, "resolv.conf"), "/etc/resolv.conf"),
            (Path.Combine(directory, "hostname"), "/etc/hostname"),
            (Path.Combine(directory, "hosts"), "/etc/hosts"),
        ];
    }

    /// <summary>The connection requests of a container, the network of its mode first.</summary>
    internal static List<EndpointRequest> Endpoints(ContainerRecord container, NetworkService networks)
    {
        ContainerSpec spec = container.Spec;
        string mode = spec.NetworkMode is "" or "default" ? "bridge" : spec.NetworkMode;
        NetworkRecord primary = networks.GetNetwork(mode);
        List<EndpointRequest> endpoints = [];
        foreach ((string key, EndpointSpec settings) in spec.Endpoints.Append(new(mode, new EndpointSpec())))
        {
            NetworkRecord network = networks.GetNetwork(key is "" or "default" ? "bridge" : key);
            if (endpoints.Exists(endpoint => endpoint.Network == network.Id))
            {
                continue;
            }

            EndpointRequest request = new()
            {
                Network = network.Id,
                Names = network.ResolvesNames ? [.. new[] { container.Name, container.ShortId }.Concat(settings.Aliases).Distinct()] : [],
                Address = IPAddress.TryParse(settings.Address, out IPAddress? address) ? address : null,
                HardwareAddress = settings.HardwareAddress,
            };
            endpoints.Insert(network.Id == primary.Id ? 0 : endpoints.Count, request);
        }

        return endpoints;
    }

    /// <summary>The addresses that a name:address line names, with host-gateway resolved.</summary>
    internal (string Name, string Address) ExtraHost(string line)
    {
        int separator = line.IndexOfAny([':', '=']);
        if (separator <= 0)
        {
            throw new FaultException(FaultKind.InvalidArgument, $"bad format for add-host: \"{line}\"");
        }

        string address = line[(separator + 1)..].Trim('[', ']');
        return (line[..separator], address == "host-gateway" ? networks.HostGateway : address);
    }

    private async Task<string> PrepareNetworkAsync(ContainerRecord container, CancellationToken cancellationToken)
    {
        ContainerSpec spec = container.Spec;
        if (spec.NetworkMode == "host")
        {
            return NamespacePlan.Host;
        }

        if (spec.NetworkMode.StartsWith(ContainerPrefix, StringComparison.Ordinal))
        {
            ContainerRecord other = table.Get(spec.NetworkMode[ContainerPrefix.Length..]).Record;
            if (!other.IsRunning)
            {
                throw new FaultException(FaultKind.Conflict, $"cannot join network of a non running container: {other.Id}");
            }

            return other.Spec.SandboxId is { } pod ? sandboxes.Join(pod).Network
                : networks.FindSandbox(other.Id)?.NetworkPath ?? NamespacePlan.Host;
        }

        // What an earlier run left when gantryd was killed.
        await networks.RemoveSandboxAsync(container.Id, cancellationToken).ConfigureAwait(false);
        SandboxRequest request = new()
        {
            Id = container.Id,
            Endpoints = spec.NetworkMode == "none" ? [] : Endpoints(container, networks),
            Ports = [.. Ports(spec)],
        };
        SandboxRecord sandbox = await CreateSandboxAsync(container, request, cancellationToken).ConfigureAwait(false);
        return sandbox.NetworkPath!;
    }

    private async Task<SandboxRecord> CreateSandboxAsync(ContainerRecord container, SandboxRequest request, CancellationToken cancellationToken)
    {
        try
        {
            return await networks.CreateSandboxAsync(request, cancellationToken).ConfigureAwait(false);
        }
        catch (FaultException fault) when (fault.Kind == FaultKind.Conflict)
        {
            string endpoint = $"driver failed programming external connectivity on endpoint {container.Name} ({container.Id}): {fault.Message}";
            throw new FaultException(FaultKind.Internal, "failed to set up container networking: " + endpoint, fault);
        }
    }

    private static IEnumerable<PortMapping> Ports(ContainerSpec spec)
    {
        if (!spec.PublishAllPorts)
        {
            return spec.Ports;
        }

        return spec.Ports.Concat(spec.ExposedPorts.Select(ParsePort)
            .Where(port => !spec.Ports.Exists(published => published.ContainerPort == port.ContainerPort && published.Protocol == port.Protocol)));
    }

    private static PortMapping ParsePort(string text)
    {
        string[] parts = text.Split('/', 2);
        return new PortMapping(parts.Length == 2 ? parts[1] : "tcp", ushort.Parse(parts[0], CultureInfo.InvariantCulture), "0.0.0.0", 0);
    }

    private string? OtherProcess(string mode, string kind)
    {
        if (!mode.StartsWith(ContainerPrefix, StringComparison.Ordinal))
        {
            return null;
        }

        ContainerRecord other = table.Get(mode[ContainerPrefix.Length..]).Record;
        return other.IsRunning
            ? $"/proc/{other.Pid.ToString(CultureInfo.InvariantCulture)}/ns/{kind}"
            : throw new FaultException(FaultKind.Conflict, $"cannot join {kind.ToUpperInvariant()} of a non running container: {other.Id}");
    }

    private string Hosts(ContainerSpec spec, SandboxRecord? sandbox, string hostName)
    {
        string[] names = spec.DomainName.Length > 0 ? [$"{hostName}.{spec.DomainName}", hostName] : [hostName];
        if (sandbox is null)
        {
            return File.Exists("/etc/hosts") ? File.ReadAllText("/etc/hosts") + string.Concat(spec.ExtraHosts.Select(ExtraHost).Select(host => $"{host.Address}\t{host.Name}\n")) : "";
        }

        return HostsFile.Render(spec.ExtraHosts.Select(ExtraHost), sandbox.Endpoints.Select(endpoint => endpoint.Address), names);
    }

    private ResolvConf Resolver(ContainerSpec spec, SandboxRecord? sandbox)
    {
        ResolvConf host = ResolvConf.Read(networks.HostResolvConf);
        EndpointRecord? resolving = sandbox?.Endpoints.Find(endpoint => networks.GetNetwork(endpoint.NetworkId).ResolvesNames);
        IReadOnlyList<string> search = spec.DnsSearch.Count > 0 ? [.. spec.DnsSearch.Where(domain => domain != ".")] : host.Search;
        IReadOnlyList<string> settings = spec.DnsOptions.Count > 0 ? spec.DnsOptions : host.Options;
        if (resolving is not null)
        {
            return new ResolvConf([resolving.Gateway, .. spec.Dns], search, spec.DnsOptions.Count > 0 ? spec.DnsOptions : ["ndots:0"]);
        }

        List<string> servers = spec.Dns.Count > 0 ? spec.Dns : sandbox is null ? [.. host.Servers] : [.. host.WithoutLoopback().Servers];
        if (servers.Count == 0 && sandbox?.Endpoints is [EndpointRecord first, ..])
        {
            // The host's own resolver is on its loopback: the bridge's resolver asks it for the container.
            servers = [first.Gateway];
        }

        return new ResolvConf(servers, search, settings);
    }
}
