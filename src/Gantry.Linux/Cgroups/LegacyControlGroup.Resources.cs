using System.Globalization;
using Gantry.Faults;
using Gantry.Linux.Native;

namespace Gantry.Linux.Cgroups;

/// <summary>Limits and counters of cgroup v1.</summary>
internal sealed partial class LegacyControlGroup
{
    public void Apply(CgroupResources resources)
    {
        if (resources.Unified is { Count: > 0 } unified)
        {
            throw new FaultException(
                FaultKind.FailedPrecondition, $"invalid configuration: linux.resources.unified.{unified.Keys.First()}: this machine has cgroup v1");
        }
        ApplyDevices(resources.Devices);
        ApplyMemory(resources);
        ApplyCpu(resources);
        Set("cpuset", "cpuset.cpus", resources.Cpus);
        Set("cpuset", "cpuset.mems", resources.Mems);
        if (resources.PidsLimit is { } pids)
        {
            Set("pids", "pids.max", pids > 0 ? Text(pids) : "max");
        }
        ApplyBlock(resources);
        foreach (var (size, limit) in resources.HugePageLimits ?? new Dictionary<string, ulong>())
        {
            Set("hugetlb", $"hugetlb.{size}.limit_in_bytes", limit.ToString(CultureInfo.InvariantCulture));
        }
        ApplyNetwork(resources);
        foreach (var (device, (handles, objects)) in resources.Rdma ?? new Dictionary<string, (uint?, uint?)>())
        {
            Set("rdma", "rdma.max", CgroupFiles.RdmaLimit(device, handles, objects));
        }
    }

    private void ApplyNetwork(CgroupResources resources)
    {
        if (resources.NetworkClassId is { } id and not 0)
        {
            Set("net_cls", "net_cls.classid", id.ToString(CultureInfo.InvariantCulture));
        }
        foreach (var (name, priority) in resources.NetworkPriorities ?? new Dictionary<string, uint>())
        {
            Set("net_prio", "net_prio.ifpriomap", $"{name} {priority}");
        }
    }

    public CgroupStatistics Statistics()
    {
        var cpuacct = _directories.GetValueOrDefault("cpuacct", "");
        var cpu = CgroupFiles.ReadTable(_directories.GetValueOrDefault("cpu", ""), "cpu.stat");
        var memory = _directories.GetValueOrDefault("memory", "");
        var pids = _directories.GetValueOrDefault("pids", "");
        return new CgroupStatistics
        {
            CpuUsageNs = CgroupFiles.ReadNumber(cpuacct, "cpuacct.usage"),
            CpuUserNs = CgroupFiles.ReadNumber(cpuacct, "cpuacct.usage_user"),
            CpuSystemNs = CgroupFiles.ReadNumber(cpuacct, "cpuacct.usage_sys"),
            CpuUsageByProcessorNs = ReadPerProcessor(cpuacct),
            CpuPeriods = cpu.GetValueOrDefault("nr_periods"),
            CpuThrottledPeriods = cpu.GetValueOrDefault("nr_throttled"),
            CpuThrottledNs = cpu.GetValueOrDefault("throttled_time"),
            MemoryUsageBytes = CgroupFiles.ReadNumber(memory, "memory.usage_in_bytes"),
            MemoryPeakBytes = CgroupFiles.ReadNumber(memory, "memory.max_usage_in_bytes"),
            MemoryLimitBytes = NoLimit(CgroupFiles.ReadNumber(memory, "memory.limit_in_bytes")),
            MemoryFailures = CgroupFiles.ReadNumber(memory, "memory.failcnt"),
            Memory = CgroupFiles.ReadTable(memory, "memory.stat"),
            Pids = CgroupFiles.ReadNumber(pids, "pids.current"),
            PidsLimit = CgroupFiles.ReadNumber(pids, "pids.max"),
            Swap = ReadUse(memory, "memory.memsw."),
            KernelMemory = ReadUse(memory, "memory.kmem."),
            KernelTcpMemory = ReadUse(memory, "memory.kmem.tcp."),
            HugePages = ReadHugePages(_directories.GetValueOrDefault("hugetlb", "")),
            Block = ReadBlock(_directories.GetValueOrDefault("blkio", "")),
        };
    }

    private static CgroupUse ReadUse(string directory, string prefix) => new(
        CgroupFiles.ReadNumber(directory, prefix + "usage_in_bytes"),
        CgroupFiles.ReadNumber(directory, prefix + "max_usage_in_bytes"),
        NoLimit(CgroupFiles.ReadNumber(directory, prefix + "limit_in_bytes")),
        CgroupFiles.ReadNumber(directory, prefix + "failcnt"));

    private static Dictionary<string, CgroupUse> ReadHugePages(string directory)
    {
        var result = new Dictionary<string, CgroupUse>();
        foreach (var size in CgroupFiles.HugePageSizes(directory, ".limit_in_bytes"))
        {
            result[size] = ReadUse(directory, $"hugetlb.{size}.");
        }
        return result;
    }

    private static string Text(long value) => value.ToString(CultureInfo.InvariantCulture);

    /// <summary>v1 says "no limit" as the largest number of whole pages.</summary>
    private static ulong NoLimit(ulong value) => value >= long.MaxValue - 0xffff ? ulong.MaxValue : value;

    private static List<ulong> ReadPerProcessor(string directory)
    {
        List<ulong> result = [];
        foreach (var word in (CgroupFiles.TryRead(directory, "cpuacct.usage_percpu") ?? "").Split(
            [' ', '\n'], StringSplitOptions.RemoveEmptyEntries))
        {
            result.Add(ulong.TryParse(word, out var value) ? value : 0);
        }
        return result;
    }

    private static List<BlockStatistics> ReadBlock(string directory)
    {
        var devices = new Dictionary<(uint, uint), BlockStatistics>();
        Read("blkio.throttle.io_service_bytes", static (item, write, value) =>
            write ? item with { WriteBytes = value } : item with { ReadBytes = value });
        Read("blkio.throttle.io_serviced", static (item, write, value) =>
            write ? item with { WriteOperations = value } : item with { ReadOperations = value });
        return [.. devices.Values];

        void Read(string file, Func<BlockStatistics, bool, ulong, BlockStatistics> set)
        {
            foreach (var (key, value) in CgroupFiles.ReadTable(directory, file))
            {
                // "8:0 Read"
                var parts = key.Split(' ', ':');
                if (parts.Length == 3 && parts[2] is "Read" or "Write" && uint.TryParse(parts[0], out var major)
                    && uint.TryParse(parts[1], out var minor))
                {
                    var item = devices.GetValueOrDefault((major, minor), new BlockStatistics(major, minor, 0, 0, 0, 0));
                    devices[(major, minor)] = set(item, parts[2] == "Write", value);
                }
            }
        }
    }

    private void Set(string controller, string file, string? value)
    {
        if (!string.IsNullOrEmpty(value))
        {
            CgroupFiles.Write(Require(controller, file), file, value);
        }
    }

    private void ApplyDevices(IReadOnlyList<DeviceRule>? rules)
    {
        if (rules is null)
        {
            return;
        }
        var directory = Require("devices", "device rules");
        foreach (var rule in rules)
        {
            var file = rule.Allow ? "devices.allow" : "devices.deny";
            var everything = rule is { Type: 'a', Major: < 0, Minor: < 0 };
            var major = rule.Major < 0 ? "*" : Text(rule.Major);
            var minor = rule.Minor < 0 ? "*" : Text(rule.Minor);
            if (everything)
            {
                CgroupFiles.Write(directory, file, "a");
                continue;
            }
            // v1 knows "a" only as everything; a rule with numbers is one for each type.
            foreach (var type in rule.Type == 'a' ? "bc" : $"{rule.Type}")
            {
                CgroupFiles.Write(directory, file, $"{type} {major}:{minor} {rule.Access}");
            }
        }
    }

    private void ApplyMemory(CgroupResources resources)
    {
        ApplyMemoryLimits(resources);
        if (resources.MemoryReservationBytes is { } reservation and not 0)
        {
            Set("memory", "memory.soft_limit_in_bytes", Text(reservation));
        }
        if (resources.KernelTcpLimitBytes is { } tcp and not 0)
        {
            Set("memory", "memory.kmem.tcp.limit_in_bytes", Text(tcp));
        }
        if (resources.Swappiness is { } swappiness)
        {
            Set("memory", "memory.swappiness", swappiness <= 100
                ? swappiness.ToString(CultureInfo.InvariantCulture)
                : throw new FaultException(FaultKind.InvalidArgument, $"memory swappiness {swappiness}: must be 0 to 100"));
        }
        if (resources.DisableOomKiller == true)
        {
            Set("memory", "memory.oom_control", "1");
        }
    }

    private void ApplyMemoryLimits(CgroupResources resources)
    {
        var limit = resources.MemoryLimitBytes is 0 ? null : resources.MemoryLimitBytes;
        var both = resources.MemoryAndSwapLimitBytes is 0 ? null : resources.MemoryAndSwapLimitBytes;
        if (limit is null && both is null)
        {
            return;
        }
        CgroupFiles.CheckSwap(limit, both);
        var directory = Require("memory", "memory limit");
        if (limit is > 0 && resources.CheckMemoryBeforeUpdate)
        {
            CgroupFiles.CheckUsage(limit.Value, CgroupFiles.ReadNumber(directory, "memory.usage_in_bytes"));
        }
        if (!CgroupFiles.Exists($"{directory}/memory.memsw.limit_in_bytes"))
        {
            // Without swap accounting (swapaccount=1) there is nothing to write the second limit to.
            both = null;
        }
        else if (limit == -1)
        {
            // No memory limit without none on both.
            both ??= -1;
        }
        // The kernel holds memory <= memory and swap at every moment, so which is written first depends on the direction.
        var current = CgroupFiles.ReadNumber(directory, "memory.memsw.limit_in_bytes");
        var raising = both == -1 || (both is > 0 && (ulong)both > current);
        WriteMemory(directory, "memory.memsw.limit_in_bytes", raising ? both : null);
        WriteMemory(directory, "memory.limit_in_bytes", limit);
        WriteMemory(directory, "memory.memsw.limit_in_bytes", raising ? null : both);
    }

    private static void WriteMemory(string directory, string file, long? value)
    {
        if (value is not { } limit)
        {
            return;
        }
        var errno = CgroupFiles.TryWrite(directory, file, Text(limit));
        if (errno == Errno.EBUSY)
        {
            throw CgroupFiles.BelowUsage(limit, CgroupFiles.ReadNumber(directory, "memory.usage_in_bytes"));
        }
        if (errno != 0)
        {
            throw new LinuxException($"write {limit} to", $"{directory}/{file}", errno);
        }
    }

    private void ApplyCpu(CgroupResources resources)
    {
        if (resources.CpuShares is { } shares and > 0)
        {
            Set("cpu", "cpu.shares", shares.ToString(CultureInfo.InvariantCulture));
        }
        ApplyQuota(resources);
        if (resources.RealtimePeriodUs is { } realtimePeriod and > 0)
        {
            Set("cpu", "cpu.rt_period_us", realtimePeriod.ToString(CultureInfo.InvariantCulture));
        }
        if (resources.RealtimeRuntimeUs is { } runtime and not 0)
        {
            Set("cpu", "cpu.rt_runtime_us", Text(runtime));
        }
        if (resources.CpuBurstUs is { } burst)
        {
            Set("cpu", "cpu.cfs_burst_us", burst.ToString(CultureInfo.InvariantCulture));
        }
        if (resources.CpuIdle is { } idle)
        {
            Set("cpu", "cpu.idle", Text(idle));
        }
    }

    private void ApplyQuota(CgroupResources resources)
    {
        var period = resources.CpuPeriodUs is { } given and > 0 ? given.ToString(CultureInfo.InvariantCulture) : null;
        var quota = resources.CpuQuotaUs is { } value and not 0 ? Text(value) : null;
        if (period is not null)
        {
            var directory = Require("cpu", "cpu.cfs_period_us");
            if (CgroupFiles.TryWrite(directory, "cpu.cfs_period_us", period) == Errno.EINVAL && quota is not null)
            {
                // The present quota is more than the parent's in the new period: the new quota first makes room.
                CgroupFiles.Write(directory, "cpu.cfs_quota_us", quota);
                quota = null;
                CgroupFiles.Write(directory, "cpu.cfs_period_us", period);
            }
            else
            {
                CgroupFiles.Write(directory, "cpu.cfs_period_us", period);
            }
        }
        Set("cpu", "cpu.cfs_quota_us", quota);
    }

    private void ApplyBlock(CgroupResources resources)
    {
        if (resources.BlockWeight is { } weight and > 0)
        {
            SetWeight("weight", Text(weight));
        }
        if (resources.BlockLeafWeight is { } leafWeight and > 0)
        {
            SetWeight("leaf_weight", Text(leafWeight));
        }
        foreach (var device in resources.BlockWeights ?? [])
        {
            if (device.Weight is { } own and > 0)
            {
                SetWeight("weight_device", $"{device.Major}:{device.Minor} {own}");
            }
            if (device.LeafWeight is { } leaf and > 0)
            {
                SetWeight("leaf_weight_device", $"{device.Major}:{device.Minor} {leaf}");
            }
        }
        foreach (var throttle in resources.BlockThrottles ?? [])
        {
            var file = throttle.Kind switch
            {
                BlockThrottleKind.ReadBytes => "blkio.throttle.read_bps_device",
                BlockThrottleKind.WriteBytes => "blkio.throttle.write_bps_device",
                BlockThrottleKind.ReadOperations => "blkio.throttle.read_iops_device",
                _ => "blkio.throttle.write_iops_device",
            };
            Set("blkio", file, $"{throttle.Major}:{throttle.Minor} {throttle.Rate}");
        }
    }

    /// <summary>blkio.weight is of the CFQ scheduler, which Linux 5.0 has removed; BFQ has files of its own.</summary>
    private void SetWeight(string name, string value)
    {
        var directory = Require("blkio", "blkio." + name);
        foreach (var file in (ReadOnlySpan<string>)[$"blkio.{name}", $"blkio.bfq.{name}"])
        {
            if (CgroupFiles.Exists($"{directory}/{file}"))
            {
                CgroupFiles.Write(directory, file, value);
                return;
            }
        }
        throw new FaultException(
            FaultKind.FailedPrecondition,
            $"{directory}/blkio.{name}: this kernel has no such file (nor blkio.bfq.{name}); a scheduler with weights, as bfq, is needed");
    }
}
