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

    /// <summary>Applies limits to a group and says what it had to leave out.</summary>
    public static void Apply(IControlGroup group, ResourcesSpec spec)
    {
        group.Apply(Convert(spec));
        if (spec.Memory?.Kernel is { } kernel and not 0)
        {
            CommandOutput.Debug($"linux.resources.memory.kernel {kernel}: left out, as the specification allows; it does nothing");
        }
        if (group.Version == 1)
        {
            return;
        }
        WarnLeftOut("memory.swappiness", spec.Memory?.Swappiness is not null);
        WarnLeftOut("memory.disableOOMKiller", spec.Memory?.DisableOOMKiller == true);
        WarnLeftOut("memory.kernelTCP", spec.Memory?.KernelTCP is not (null or 0));
    }

    private static void WarnLeftOut(string setting, bool asked)
    {
        if (asked)
        {
            CommandOutput.Warn($"linux.resources.{setting}: left out; cgroup v2 has no such setting");
        }
    }

    public static CgroupResources Convert(ResourcesSpec spec) => new()
    {
        MemoryLimitBytes = spec.Memory?.Limit,
        MemoryReservationBytes = spec.Memory?.Reservation,
        MemoryAndSwapLimitBytes = spec.Memory?.Swap,
        KernelTcpLimitBytes = spec.Memory?.KernelTCP,
        CheckMemoryBeforeUpdate = spec.Memory?.CheckBeforeUpdate == true,
        Swappiness = spec.Memory?.Swappiness,
        DisableOomKiller = spec.Memory?.DisableOOMKiller,
        CpuShares = spec.Cpu?.Shares,
        CpuQuotaUs = spec.Cpu?.Quota,
        CpuPeriodUs = spec.Cpu?.Period,
        CpuBurstUs = spec.Cpu?.Burst,
        RealtimeRuntimeUs = spec.Cpu?.RealtimeRuntime,
        RealtimePeriodUs = spec.Cpu?.RealtimePeriod,
        CpuIdle = spec.Cpu?.Idle,
        Cpus = spec.Cpu?.Cpus,
        Mems = spec.Cpu?.Mems,
        PidsLimit = spec.Pids?.Limit,
        BlockWeight = spec.BlockIO?.Weight,
        BlockLeafWeight = spec.BlockIO?.LeafWeight,
        BlockWeights = spec.BlockIO?.WeightDevice?.ConvertAll(
            static item => new BlockWeight(item.Major, item.Minor, item.Weight, item.LeafWeight)),
        BlockThrottles = Throttles(spec.BlockIO),
        HugePageLimits = LastOf(spec.HugepageLimits, static item => item.PageSize, static item => item.Limit),
        NetworkClassId = spec.Network?.ClassID,
        NetworkPriorities = LastOf(spec.Network?.Priorities, static item => item.Name, static item => item.Priority),
        Rdma = spec.Rdma?.ToDictionary(static item => item.Key, static item => (item.Value.HcaHandles, item.Value.HcaObjects)),
        Devices = Rules(spec.Devices),
        Unified = spec.Unified,
    };

    /// <summary>A table of a list that may name a thing twice; the last one holds, as if all were written.</summary>
    private static Dictionary<string, TValue>? LastOf<TItem, TValue>(
        List<TItem>? items, Func<TItem, string> key, Func<TItem, TValue> value)
    {
        if (items is null)
        {
            return null;
        }
        var table = new Dictionary<string, TValue>();
        foreach (var item in items)
        {
            table[key(item)] = value(item);
        }
        return table;
    }

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
