namespace Gantry.Oci.Runtime;

/// <summary>Control group limits (config-linux.md, "Control groups"); what is null stays as it is.</summary>
public sealed class ResourcesSpec
{
    /// <summary>Device rules in their order; the last one that matches decides.</summary>
    public List<DeviceRuleSpec>? Devices { get; set; }

    /// <summary>Memory.</summary>
    public MemorySpec? Memory { get; set; }

    /// <summary>Processor time and placement.</summary>
    public CpuSpec? Cpu { get; set; }

    /// <summary>Number of tasks.</summary>
    public PidsSpec? Pids { get; set; }

    /// <summary>Block input and output.</summary>
    public BlockIOSpec? BlockIO { get; set; }

    /// <summary>Huge pages.</summary>
    public List<HugepageLimitSpec>? HugepageLimits { get; set; }

    /// <summary>Network class and priorities; cgroup v1 only.</summary>
    public NetworkResourcesSpec? Network { get; set; }

    /// <summary>Limits by RDMA device.</summary>
    public Dictionary<string, RdmaSpec>? Rdma { get; set; }

    /// <summary>Files of cgroup v2 with their contents.</summary>
    public Dictionary<string, string>? Unified { get; set; }
}

/// <summary>One device rule.</summary>
public sealed class DeviceRuleSpec
{
    /// <summary>Allow or deny.</summary>
    public bool Allow { get; set; }

    /// <summary>a, b or c; null is a.</summary>
    public string? Type { get; set; }

    /// <summary>Null or -1 is every major number.</summary>
    public long? Major { get; set; }

    /// <summary>Null or -1 is every minor number.</summary>
    public long? Minor { get; set; }

    /// <summary>Letters of rwm; null is all.</summary>
    public string? Access { get; set; }
}

/// <summary>Memory limits in bytes; -1 is none.</summary>
public sealed class MemorySpec
{
    /// <summary>Hard limit.</summary>
    public long? Limit { get; set; }

    /// <summary>Soft limit.</summary>
    public long? Reservation { get; set; }

    /// <summary>Limit of memory and swap together.</summary>
    public long? Swap { get; set; }

    /// <summary>Kernel memory; without effect, as the specification allows: kernels have it no more.</summary>
    public long? Kernel { get; set; }

    /// <summary>TCP buffers; cgroup v1 only.</summary>
    public long? KernelTCP { get; set; }

    /// <summary>cgroup v1: count subgroups too; kernels do in any case.</summary>
    public bool? UseHierarchy { get; set; }

    /// <summary>0 to 100.</summary>
    public ulong? Swappiness { get; set; }

    /// <summary>cgroup v1: processes wait instead of being killed.</summary>
    public bool? DisableOOMKiller { get; set; }

    /// <summary>Refuse an update below the current use.</summary>
    public bool? CheckBeforeUpdate { get; set; }
}

/// <summary>Processor limits.</summary>
public sealed class CpuSpec
{
    /// <summary>Relative weight, 2 to 262144.</summary>
    public ulong? Shares { get; set; }

    /// <summary>Microseconds in each period; -1 is no limit.</summary>
    public long? Quota { get; set; }

    /// <summary>Microseconds that may be saved up.</summary>
    public ulong? Burst { get; set; }

    /// <summary>Period in microseconds.</summary>
    public ulong? Period { get; set; }

    /// <summary>Realtime microseconds in each realtime period.</summary>
    public long? RealtimeRuntime { get; set; }

    /// <summary>Realtime period in microseconds.</summary>
    public ulong? RealtimePeriod { get; set; }

    /// <summary>Processors, as 0-3,7.</summary>
    public string? Cpus { get; set; }

    /// <summary>Memory nodes, as 0-1.</summary>
    public string? Mems { get; set; }

    /// <summary>1 puts the group into SCHED_IDLE.</summary>
    public long? Idle { get; set; }
}

/// <summary>Task limit.</summary>
public sealed class PidsSpec
{
    /// <summary>
    /// Largest number of tasks; -1 is no limit. 0 is a limit since version 1.3 of the specification and was none before; null
    /// leaves the setting.
    /// </summary>
    public long? Limit { get; set; }
}

/// <summary>Block device weights and rates.</summary>
public sealed class BlockIOSpec
{
    /// <summary>10 to 1000.</summary>
    public ushort? Weight { get; set; }

    /// <summary>10 to 1000, against the group's own subgroups; cgroup v1 only.</summary>
    public ushort? LeafWeight { get; set; }

    /// <summary>Weights by device.</summary>
    public List<WeightDeviceSpec>? WeightDevice { get; set; }

    /// <summary>Bytes a second.</summary>
    public List<ThrottleSpec>? ThrottleReadBpsDevice { get; set; }

    /// <summary>Bytes a second.</summary>
    public List<ThrottleSpec>? ThrottleWriteBpsDevice { get; set; }

    /// <summary>Operations a second.</summary>
    public List<ThrottleSpec>? ThrottleReadIOPSDevice { get; set; }

    /// <summary>Operations a second.</summary>
    public List<ThrottleSpec>? ThrottleWriteIOPSDevice { get; set; }
}

/// <summary>A weight for one device.</summary>
public sealed class WeightDeviceSpec
{
    /// <summary>Major number.</summary>
    public long Major { get; set; }

    /// <summary>Minor number.</summary>
    public long Minor { get; set; }

    /// <summary>10 to 1000.</summary>
    public ushort? Weight { get; set; }

    /// <summary>10 to 1000; cgroup v1 only.</summary>
    public ushort? LeafWeight { get; set; }
}

/// <summary>Class and priorities of packets; cgroup v1 only.</summary>
public sealed class NetworkResourcesSpec
{
    /// <summary>The class for tc(8).</summary>
    public uint? ClassID { get; set; }

    /// <summary>Priorities by interface.</summary>
    public List<InterfacePrioritySpec>? Priorities { get; set; }
}

/// <summary>The priority of packets on one interface.</summary>
public sealed class InterfacePrioritySpec
{
    /// <summary>The interface.</summary>
    public string Name { get; set; } = "";

    /// <summary>The priority.</summary>
    public uint Priority { get; set; }
}

/// <summary>Limits of one RDMA device; null is none.</summary>
public sealed class RdmaSpec
{
    /// <summary>Handles.</summary>
    public uint? HcaHandles { get; set; }

    /// <summary>Objects.</summary>
    public uint? HcaObjects { get; set; }
}

/// <summary>A rate for one device.</summary>
public sealed class ThrottleSpec
{
    /// <summary>Major number.</summary>
    public long Major { get; set; }

    /// <summary>Minor number.</summary>
    public long Minor { get; set; }

    /// <summary>The rate.</summary>
    public ulong Rate { get; set; }
}

/// <summary>Huge page limit of one page size.</summary>
public sealed class HugepageLimitSpec
{
    /// <summary>As 2MB or 1GB.</summary>
    public string PageSize { get; set; } = "";

    /// <summary>Bytes.</summary>
    public ulong Limit { get; set; }
}
