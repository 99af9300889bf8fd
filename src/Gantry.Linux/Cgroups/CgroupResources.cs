namespace Gantry.Linux.Cgroups;

/// <summary>Limits of a control group in the OCI runtime specification's units; null leaves a setting as it is.</summary>
public sealed record CgroupResources
{
    /// <summary>Bytes; -1 is no limit.</summary>
    public long? MemoryLimitBytes { get; init; }

    /// <summary>Soft limit in bytes; -1 is none.</summary>
    public long? MemoryReservationBytes { get; init; }

    /// <summary>Bytes of memory and swap together; -1 is no limit.</summary>
    public long? MemoryAndSwapLimitBytes { get; init; }

    /// <summary>Bytes of TCP buffers; cgroup v1 only.</summary>
    public long? KernelTcpLimitBytes { get; init; }

    /// <summary>Refuse a memory limit that is below what is in use, instead of having the kernel reclaim or kill.</summary>
    public bool CheckMemoryBeforeUpdate { get; init; }

    /// <summary>0 to 100; cgroup v1 only.</summary>
    public ulong? Swappiness { get; init; }

    /// <summary>Processes wait for memory instead of being killed; cgroup v1 only.</summary>
    public bool? DisableOomKiller { get; init; }

    /// <summary>2 to 262144.</summary>
    public ulong? CpuShares { get; init; }

    /// <summary>Microseconds in a period; -1 is no limit.</summary>
    public long? CpuQuotaUs { get; init; }

    /// <summary>Microseconds.</summary>
    public ulong? CpuPeriodUs { get; init; }

    /// <summary>Microseconds that may be saved up.</summary>
    public ulong? CpuBurstUs { get; init; }

    /// <summary>Microseconds of realtime processes in each realtime period; cgroup v1 only.</summary>
    public long? RealtimeRuntimeUs { get; init; }

    /// <summary>Microseconds; cgroup v1 only.</summary>
    public ulong? RealtimePeriodUs { get; init; }

    /// <summary>1 makes the group SCHED_IDLE.</summary>
    public long? CpuIdle { get; init; }

    /// <summary>Processors, as 0-3,7.</summary>
    public string? Cpus { get; init; }

    /// <summary>Memory nodes, as 0.</summary>
    public string? Mems { get; init; }

    /// <summary>Tasks; 0 or less is no limit.</summary>
    public long? PidsLimit { get; init; }

    /// <summary>10 to 1000.</summary>
    public ushort? BlockWeight { get; init; }

    /// <summary>10 to 1000, against the group's own subgroups; only kernels with the CFQ scheduler.</summary>
    public ushort? BlockLeafWeight { get; init; }

    /// <summary>Weights by device.</summary>
    public IReadOnlyList<BlockWeight>? BlockWeights { get; init; }

    /// <summary>Rates by device.</summary>
    public IReadOnlyList<BlockThrottle>? BlockThrottles { get; init; }

    /// <summary>Bytes by page size, as 2MB.</summary>
    public IReadOnlyDictionary<string, ulong>? HugePageLimits { get; init; }

    /// <summary>The class of the group's packets for tc(8); cgroup v1 only.</summary>
    public uint? NetworkClassId { get; init; }

    /// <summary>Priorities by interface; cgroup v1 only.</summary>
    public IReadOnlyDictionary<string, uint>? NetworkPriorities { get; init; }

    /// <summary>Limits by RDMA device; null members are no limit.</summary>
    public IReadOnlyDictionary<string, (uint? Handles, uint? Objects)>? Rdma { get; init; }

    /// <summary>Device rules in order; the last one that matches decides. Null leaves device access as it is.</summary>
    public IReadOnlyList<DeviceRule>? Devices { get; init; }

    /// <summary>File names and contents for cgroup v2.</summary>
    public IReadOnlyDictionary<string, string>? Unified { get; init; }
}

/// <summary>One device rule.</summary>
/// <param name="Allow">Allow or deny.</param>
/// <param name="Type">a, b or c.</param>
/// <param name="Major">-1 is every number.</param>
/// <param name="Minor">-1 is every number.</param>
/// <param name="Access">Letters of rwm.</param>
public sealed record DeviceRule(bool Allow, char Type, long Major, long Minor, string Access);

/// <summary>One device's weight; null leaves it.</summary>
/// <param name="Major">Major number.</param>
/// <param name="Minor">Minor number.</param>
/// <param name="Weight">10 to 1000.</param>
/// <param name="LeafWeight">10 to 1000.</param>
public sealed record BlockWeight(long Major, long Minor, ushort? Weight, ushort? LeafWeight);

/// <summary>One rate.</summary>
/// <param name="Kind">What is limited.</param>
/// <param name="Major">Major number.</param>
/// <param name="Minor">Minor number.</param>
/// <param name="Rate">Bytes or operations a second.</param>
public sealed record BlockThrottle(BlockThrottleKind Kind, long Major, long Minor, ulong Rate);

/// <summary>What a <see cref="BlockThrottle"/> limits.</summary>
public enum BlockThrottleKind
{
    /// <summary>Bytes read.</summary>
    ReadBytes,

    /// <summary>Bytes written.</summary>
    WriteBytes,

    /// <summary>Read operations.</summary>
    ReadOperations,

    /// <summary>Write operations.</summary>
    WriteOperations,
}
