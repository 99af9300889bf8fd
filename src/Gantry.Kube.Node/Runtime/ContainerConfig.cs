namespace Gantry.Kube.Node.Runtime;

/// <summary>What a container of a pod is asked to be, with every reference resolved.</summary>
public sealed record ContainerConfig
{
    public required string Name { get; init; }

    public int Attempt { get; init; }

    /// <summary>The image as the pod names it.</summary>
    public required string Image { get; init; }

    /// <summary>The image's id.</summary>
    public required string ImageId { get; init; }

    /// <summary>Replaces the image's entry point; null keeps it.</summary>
    public IReadOnlyList<string>? Command { get; init; }

    /// <summary>Replaces the image's arguments; null keeps them, unless Command is given.</summary>
    public IReadOnlyList<string>? Arguments { get; init; }

    public string WorkingDirectory { get; init; } = "";

    public IReadOnlyList<KeyValuePair<string, string>> Environment { get; init; } = [];

    public IReadOnlyList<ContainerVolume> Mounts { get; init; } = [];

    public IReadOnlyDictionary<string, string> Labels { get; init; } = new Dictionary<string, string>();

    public bool Stdin { get; init; }

    public bool StdinOnce { get; init; }

    public bool Terminal { get; init; }

    public string CgroupParent { get; init; } = "";

    public long CpuShares { get; init; }

    public long CpuQuotaUs { get; init; }

    public long CpuPeriodUs { get; init; }

    public long MemoryLimitBytes { get; init; }

    public int OomScoreAdjust { get; init; }

    public long? RunAsUser { get; init; }

    public long? RunAsGroup { get; init; }

    public IReadOnlyList<long> SupplementalGroups { get; init; } = [];

    public bool Privileged { get; init; }

    public bool ReadOnlyRoot { get; init; }

    public bool NoNewPrivileges { get; init; }

    public IReadOnlyList<string> CapAdd { get; init; } = [];

    public IReadOnlyList<string> CapDrop { get; init; } = [];

    /// <summary>"unconfined", a profile's JSON, or null for the runtime's default.</summary>
    public string? Seccomp { get; init; }

    /// <summary>Nothing in /proc is masked or read-only.</summary>
    public bool UnmaskedProc { get; init; }
}

/// <summary>A path of the node mounted into a container. <c>Propagation</c>: private, rslave or rshared.</summary>
public sealed record ContainerVolume(string HostPath, string ContainerPath, bool ReadOnly, string Propagation = "rprivate");
