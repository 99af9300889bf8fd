using Gantry.Linux.Cgroups;
using Gantry.Oci.Runtime;

namespace Gantry.Engine.Containers;

/// <summary>A container's control group.</summary>
internal static class ContainerCgroup
{
    internal static IControlGroup Open(EngineOptions options, ContainerRecord record) => ControlGroup.Open(ContainerLauncher.CgroupPath(options, record));

    /// <summary>Sets the limits that an update changes.</summary>
    internal static void Apply(this IControlGroup group, ResourcesSpec limits) => group.Apply(new CgroupResources
    {
        MemoryLimitBytes = limits.Memory?.Limit,
        MemoryAndSwapLimitBytes = limits.Memory?.Swap,
        MemoryReservationBytes = limits.Memory?.Reservation,
        CpuShares = limits.Cpu?.Shares,
        CpuQuotaUs = limits.Cpu?.Quota,
        CpuPeriodUs = limits.Cpu?.Period,
        Cpus = limits.Cpu?.Cpus,
        Mems = limits.Cpu?.Mems,
        PidsLimit = limits.Pids?.Limit,
        BlockWeight = limits.BlockIO?.Weight,
    });
}
