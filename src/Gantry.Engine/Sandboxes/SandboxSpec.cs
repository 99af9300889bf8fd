using Gantry.Network.Ports;

namespace Gantry.Engine.Sandboxes;

/// <summary>A pod sandbox that is asked for.</summary>
public sealed record SandboxSpec
{
    /// <summary>The pod's namespace.</summary>
    public required string Namespace { get; init; }

    /// <summary>The pod's name.</summary>
    public required string Name { get; init; }

    /// <summary>The pod's uid.</summary>
    public required string Uid { get; init; }

    /// <summary>How often the sandbox was made for this pod before.</summary>
    public int Attempt { get; init; }

    /// <summary>Host name inside.</summary>
    public string HostName { get; init; } = "";

    /// <summary>In the host's network instead of the pod network.</summary>
    public bool HostNetwork { get; init; }

    /// <summary>Containers see the host's processes.</summary>
    public bool HostPid { get; init; }

    /// <summary>Containers use the host's IPC namespace.</summary>
    public bool HostIpc { get; init; }

    /// <summary>Containers of the pod see each other's processes. Not supported: <c>NotImplemented</c>.</summary>
    public bool ShareProcessNamespace { get; init; }

    /// <summary>The resolver configuration of the pod's containers; null gives the host's.</summary>
    public DnsSpec? Dns { get; init; }

    /// <summary>Lines name, address for /etc/hosts.</summary>
    public List<HostAlias> HostAliases { get; init; } = [];

    /// <summary>Namespaced kernel parameters.</summary>
    public Dictionary<string, string> Sysctls { get; init; } = [];

    /// <summary>Labels.</summary>
    public Dictionary<string, string> Labels { get; init; } = [];

    /// <summary>Annotations.</summary>
    public Dictionary<string, string> Annotations { get; init; } = [];

    /// <summary>Cgroup below which the pod's containers go (made by the caller); empty is the engine's.</summary>
    public string CgroupParent { get; init; } = "";

    /// <summary>Ports of the host that lead to the pod (hostPort).</summary>
    public List<PortMapping> Ports { get; init; } = [];
}

/// <summary>resolv.conf of a pod.</summary>
public sealed record DnsSpec(List<string> Servers, List<string> Searches, List<string> Options);

/// <summary>One line of /etc/hosts.</summary>
public sealed record HostAlias(string Address, List<string> Names);

/// <summary>A sandbox as it is stored and shown. Immutable.</summary>
public sealed record SandboxStatus
{
    /// <summary>64 hexadecimal digits.</summary>
    public required string Id { get; init; }

    /// <summary>As asked.</summary>
    public required SandboxSpec Spec { get; init; }

    /// <summary>When it was made.</summary>
    public DateTimeOffset CreatedAt { get; init; }

    /// <summary>The pod's address; empty in the host's network.</summary>
    public string Address { get; init; } = "";

    /// <summary>False after <c>StopAsync</c>, or when its namespaces were lost (a reboot): it has to be removed and made anew.</summary>
    public bool Ready { get; init; }
}
