using Gantry.Linux.Cgroups;
using Gantry.Oci.Runtime;

namespace Gantry.Runtime.Create;

/// <summary>linux.resources as the cgroup layer takes it.</summary>
internal static class ResourceMapping
{
    /// <summary>The device rules that every container has beside its own (config-linux.md, "Default Devices").</summary>
    private static readonly DeviceRule[] DefaultRules =
    [
        new(true, 'c', -1, -1, "m"), new(true, 'b', -1, -1, "m"), new(true, 'c', 1, 3, "rwm"), new(true, 'c', 1, 5, "rwm"),
        new(true, 'c', 1, 7, "rwm"), new(true, 'c', 1, 8, "rwm"), new(true, 'c', 1, 9, "rwm"), new(true, 'c', 5, 0, "rwm"),
        new(true, 'c', 5, 2, "rwm"), new(true, 'c', 136, -1, "rwm"),
    ];

    public static CgroupResources Convert(ResourcesSpec spec) => new()
    {
        MemoryLimitBytes = spec.Memory?.Limit,
        MemoryReservationBytes = spec.Memory?.Reservation,
        MemoryAndSwapLimitBytes = spec.Memory?.Swap,
        Swappiness = spec.Memory?.Swappiness,
        DisableOomKiller = spec.Memory?.DisableOOMKiller,
        CpuShares = spec.Cpu?.Shares,
        CpuQuotaUs = spec.Cpu?.Quota,
        CpuPeriodUs = spec.Cpu?.Period,
        CpuBurstUs = spec.Cpu?.Burst,
        CpuIdle = spec.Cpu?.Idle,
        Cpus = spec.Cpu?.Cpus,
        Mems = spec.Cpu?.Mems,
        PidsLimit = spec.Pids?.Limit,
        BlockWeight = spec.BlockIO?.Weight,
        BlockThrottles = Throttles(spec.BlockIO),
        HugePageLimits = spec.HugepageLimits?.ToDictionary(static item => item.PageSize, static item => item.Limit),
        Devices = Rules(spec.Devices),
        Unified = spec.Unified,
    };

    private static List<DeviceRule>? Rules(List<DeviceRuleSpec>? rules) =>
        rules is not { Count: > 0 }
            ? null
            :
            [
                .. rules.Select(static rule => new DeviceRule(
                    rule.Allow,
                    rule.Type is { Length: > 0 } type ? type[0] : 'a',
                    rule.Major ?? -1,
                    rule.Minor ?? -1,
                    rule.Access is { Length: > 0 } access ? access : "rwm")),
                // Without an opening "deny everything" the container keeps what it has; the defaults then add nothing.
                .. rules[0] is { Allow: false, Type: null or "" or "a" } ? DefaultRules : [],
            ];

    private static List<BlockThrottle> Throttles(BlockIOSpec? spec)
    {
        List<BlockThrottle> result = [];
        Add(BlockThrottleKind.ReadBytes, spec?.ThrottleReadBpsDevice);
        Add(BlockThrottleKind.WriteBytes, spec?.ThrottleWriteBpsDevice);
        Add(BlockThrottleKind.ReadOperations, spec?.ThrottleReadIOPSDevice);
        Add(BlockThrottleKind.WriteOperations, spec?.ThrottleWriteIOPSDevice);
        return result;

        void Add(BlockThrottleKind kind, List<ThrottleSpec>? items) =>
            result.AddRange((items ?? []).Select(item => new BlockThrottle(kind, item.Major, item.Minor, item.Rate)));
    }
}
