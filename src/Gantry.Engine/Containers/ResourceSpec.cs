namespace Gantry.Engine.Containers;

/// <summary>Limits; 0, null or empty is none.</summary>
public sealed record ResourceSpec
{
    /// <summary>Bytes of memory.</summary>
    public long Memory { get; init; }

    /// <summary>Bytes of memory and swap together; -1 is unlimited swap; 0 is twice the memory.</summary>
    public long MemorySwap { get; init; }

    /// <summary>Soft limit in bytes.</summary>
    public long MemoryReservation { get; init; }

    /// <summary>0 to 100; null keeps the system's.</summary>
    public long? MemorySwappiness { get; init; }

    /// <summary>Processors in 1e-9.</summary>
    public long NanoCpus { get; init; }

    /// <summary>Relative weight.</summary>
    public long CpuShares { get; init; }

    /// <summary>Microseconds in each period.</summary>
    public long CpuQuota { get; init; }

    /// <summary>Microseconds.</summary>
    public long CpuPeriod { get; init; }

    /// <summary>Processors, as 0-3.</summary>
    public string CpusetCpus { get; init; } = "";

    /// <summary>Memory nodes.</summary>
    public string CpusetMems { get; init; } = "";

    /// <summary>Tasks; 0 or less is unlimited.</summary>
    public long? PidsLimit { get; init; }

    /// <summary>10 to 1000.</summary>
    public int BlkioWeight { get; init; }

    /// <summary>Processes wait instead of being killed (cgroup v1).</summary>
    public bool? OomKillDisable { get; init; }

    /// <summary>-1000 to 1000.</summary>
    public int OomScoreAdj { get; init; }

    /// <summary>Bytes of /dev/shm; 0 is 64 MiB.</summary>
    public long ShmSize { get; init; }

    /// <summary>Resource limits of the process.</summary>
    public List<UlimitSpec> Ulimits { get; init; } = [];
}

/// <summary>One limit of setrlimit(2): nofile, nproc...</summary>
public sealed record UlimitSpec(string Name, long Soft, long Hard);

/// <summary>A device of the host that the container sees.</summary>
public sealed record DeviceMapping(string HostPath, string ContainerPath, string Permissions);

/// <summary>Privileges and confinement.</summary>
public sealed record SecuritySpec
{
    /// <summary>All capabilities, all devices, no filter.</summary>
    public bool Privileged { get; init; }

    /// <summary>Capabilities beyond the default ones; ALL.</summary>
    public List<string> CapAdd { get; init; } = [];

    /// <summary>Default capabilities that are taken away; ALL.</summary>
    public List<string> CapDrop { get; init; } = [];

    /// <summary>The root file system is mounted read-only.</summary>
    public bool ReadOnlyRoot { get; init; }

    /// <summary>Set-uid programs gain nothing.</summary>
    public bool NoNewPrivileges { get; init; }

    /// <summary>null: the default filter. unconfined: none. Else the JSON text of a profile.</summary>
    public string? Seccomp { get; init; }

    /// <summary>As given by the user: shown in inspect.</summary>
    public List<string> SecurityOpt { get; init; } = [];

    /// <summary>Devices.</summary>
    public List<DeviceMapping> Devices { get; init; } = [];

    /// <summary>Device rules, as "c 13:* rwm".</summary>
    public List<string> DeviceRules { get; init; } = [];

    /// <summary>Paths that are hidden; null takes the defaults, empty hides none.</summary>
    public List<string>? MaskedPaths { get; init; }

    /// <summary>Paths that are read-only; null takes the defaults, empty is none.</summary>
    public List<string>? ReadonlyPaths { get; init; }
}
