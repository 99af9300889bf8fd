namespace Gantry.Linux.Cgroups;

/// <summary>A control group's usage.</summary>
public sealed record CgroupStatistics
{
    /// <summary>Processor time in nanoseconds.</summary>
    public ulong CpuUsageNs { get; init; }

    /// <summary>Of it in user mode.</summary>
    public ulong CpuUserNs { get; init; }

    /// <summary>Of it in kernel mode.</summary>
    public ulong CpuSystemNs { get; init; }

    /// <summary>Nanoseconds by processor; empty on cgroup v2.</summary>
    public IReadOnlyList<ulong> CpuUsageByProcessorNs { get; init; } = [];

    /// <summary>Quota periods that have passed.</summary>
    public ulong CpuPeriods { get; init; }

    /// <summary>Of them those in which the group was throttled.</summary>
    public ulong CpuThrottledPeriods { get; init; }

    /// <summary>How long it was throttled.</summary>
    public ulong CpuThrottledNs { get; init; }

    /// <summary>Memory in use, the page cache included.</summary>
    public ulong MemoryUsageBytes { get; init; }

    /// <summary>The most that was in use; 0 when the kernel does not say.</summary>
    public ulong MemoryPeakBytes { get; init; }

    /// <summary>The hard limit; <see cref="ulong.MaxValue"/> is none.</summary>
    public ulong MemoryLimitBytes { get; init; }

    /// <summary>How often the limit was hit.</summary>
    public ulong MemoryFailures { get; init; }

    /// <summary>Swap; on v1 together with memory.</summary>
    public CgroupUse Swap { get; init; }

    /// <summary>The kernel's memory for the group.</summary>
    public CgroupUse KernelMemory { get; init; }

    /// <summary>TCP buffers; v1 only.</summary>
    public CgroupUse KernelTcpMemory { get; init; }

    /// <summary>Huge pages by page size.</summary>
    public IReadOnlyDictionary<string, CgroupUse> HugePages { get; init; } = new Dictionary<string, CgroupUse>();

    /// <summary>cpu.pressure as the kernel writes it; null where there is none.</summary>
    public string? CpuPressure { get; init; }

    /// <summary>memory.pressure.</summary>
    public string? MemoryPressure { get; init; }

    /// <summary>io.pressure.</summary>
    public string? IoPressure { get; init; }

    /// <summary>memory.stat, every line.</summary>
    public IReadOnlyDictionary<string, ulong> Memory { get; init; } = new Dictionary<string, ulong>();

    /// <summary>Usage without the inactive page cache: what Kubernetes calls the working set.</summary>
    public ulong MemoryWorkingSetBytes
    {
        get
        {
            var inactive = Memory.GetValueOrDefault("total_inactive_file", Memory.GetValueOrDefault("inactive_file"));
            return inactive > MemoryUsageBytes ? 0 : MemoryUsageBytes - inactive;
        }
    }

    /// <summary>Tasks.</summary>
    public ulong Pids { get; init; }

    /// <summary>Task limit; <see cref="ulong.MaxValue"/> is none.</summary>
    public ulong PidsLimit { get; init; }

    /// <summary>Block traffic by device.</summary>
    public IReadOnlyList<BlockStatistics> Block { get; init; } = [];
}

/// <summary>Use of something that is limited.</summary>
/// <param name="Usage">Now.</param>
/// <param name="Peak">The most; 0 when the kernel does not say.</param>
/// <param name="Limit">The limit; <see cref="ulong.MaxValue"/> is none.</param>
/// <param name="Failures">How often the limit was hit.</param>
public readonly record struct CgroupUse(ulong Usage, ulong Peak, ulong Limit, ulong Failures);

/// <summary>One device's traffic.</summary>
/// <param name="Major">Major number.</param>
/// <param name="Minor">Minor number.</param>
/// <param name="ReadBytes">Bytes read.</param>
/// <param name="WriteBytes">Bytes written.</param>
/// <param name="ReadOperations">Reads.</param>
/// <param name="WriteOperations">Writes.</param>
public sealed record BlockStatistics(
    uint Major, uint Minor, ulong ReadBytes, ulong WriteBytes, ulong ReadOperations, ulong WriteOperations);
