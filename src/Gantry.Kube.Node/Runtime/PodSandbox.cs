namespace Gantry.Kube.Node.Runtime;

/// <summary>A pod's namespaces on this node. <c>Address</c> is empty in the host's network.</summary>
public sealed record PodSandbox(string Id, string PodUid, string Namespace, string Name, int Attempt, string Address, bool Ready, DateTimeOffset CreatedAt);

/// <summary>What a sandbox is asked to be.</summary>
public sealed record SandboxConfig
{
    public required string Namespace { get; init; }

    public required string Name { get; init; }

    public required string PodUid { get; init; }

    public int Attempt { get; init; }

    public string HostName { get; init; } = "";

    public bool HostNetwork { get; init; }

    public bool HostPid { get; init; }

    public bool HostIpc { get; init; }

    public bool ShareProcessNamespace { get; init; }

    /// <summary>resolv.conf; null for the host's.</summary>
    public SandboxDns? Dns { get; init; }

    public IReadOnlyList<(string Address, IReadOnlyList<string> Names)> HostAliases { get; init; } = [];

    public IReadOnlyDictionary<string, string> Sysctls { get; init; } = new Dictionary<string, string>();

    public IReadOnlyDictionary<string, string> Labels { get; init; } = new Dictionary<string, string>();

    /// <summary>The pod's cgroup.</summary>
    public string CgroupParent { get; init; } = "";

    public IReadOnlyList<(string HostAddress, int HostPort, int ContainerPort, string Protocol)> HostPorts { get; init; } = [];
}

/// <summary>resolv.conf of a pod.</summary>
public sealed record SandboxDns(IReadOnlyList<string> Servers, IReadOnlyList<string> Searches, IReadOnlyList<string> Options);
