using System.Globalization;
using Gantry.Faults;
using Gantry.Linux.Native;

namespace Gantry.Linux.Cgroups;

/// <summary>Limits and counters of cgroup v1.</summary>
internal sealed partial class LegacyControlGroup
{
    public void Apply(CgroupResources resources)
    {
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
            Block = ReadBlock(_directories.GetValueOrDefault("blkio", "")),
        };
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
        ApplyMemoryLimits(resources.MemoryLimitBytes, resources.MemoryAndSwapLimitBytes);
        if (resources.MemoryReservationBytes is { } reservation)
        {
            Set("memory", "memory.soft_limit_in_bytes", Text(reservation));
        }
        if (resources.Swappiness is { } swappiness)
        {
            Set("memory", "memory.swappiness", swappiness.ToString(CultureInfo.InvariantCulture));
        }
        if (resources.DisableOomKiller == true)
        {
            Set("memory", "memory.oom_control", "1");
        }
    }

    private void ApplyMemoryLimits(long? limit, long? both)
    {
        if (limit is null && both is null or 0)
        {
            return;
        }
        var directory = Require("memory", "memory limit");
        var swapAccounting = CgroupFiles.Exists($"{directory}/memory.memsw.limit_in_bytes");
        // The kernel holds memory <= memory and swap at every moment, so which is written first depends on the direction.
        var current = CgroupFiles.ReadNumber(directory, "memory.memsw.limit_in_bytes");
        var raising = both == -1 || (both is > 0 && (ulong)both > current);
        if (swapAccounting && both is not null and not 0 && raising)
        {
            CgroupFiles.Write(directory, "memory.memsw.limit_in_bytes", Text(both.Value));
        }
        if (swapAccounting && both is null && limit == -1)
        {
            CgroupFiles.Write(directory, "memory.memsw.limit_in_bytes", "-1");
        }
        if (limit is not null and not 0)
        {
            var errno = CgroupFiles.TryWrite(directory, "memory.limit_in_bytes", Text(limit.Value));
            if (errno == Errno.EBUSY)
            {
                throw new FaultException(
                    FaultKind.Conflict, $"memory limit {limit}: below the {CgroupFiles.ReadNumber(directory, "memory.usage_in_bytes")} bytes in use");
            }
            if (errno != 0)
            {
                throw new LinuxException($"write {limit} to", $"{directory}/memory.limit_in_bytes", errno);
            }
        }
        if (swapAccounting && both is not null and not 0 && !raising)
        {
            CgroupFiles.Write(directory, "memory.memsw.limit_in_bytes", Text(both.Value));
        }
    }

    private void ApplyCpu(CgroupResources resources)
    {
        if (resources.CpuShares is { } shares and > 0)
        {
            Set("cpu", "cpu.shares", shares.ToString(CultureInfo.InvariantCulture));
        }
        if (resources.CpuPeriodUs is { } period and > 0)
        {
            Set("cpu", "cpu.cfs_period_us", period.ToString(CultureInfo.InvariantCulture));
        }
        if (resources.CpuQuotaUs is { } quota and not 0)
        {
            Set("cpu", "cpu.cfs_quota_us", Text(quota));
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

    private void ApplyBlock(CgroupResources resources)
    {
        if (resources.BlockWeight is { } weight and > 0)
        {
            var directory = Require("blkio", "block weight");
            var file = CgroupFiles.Exists($"{directory}/blkio.weight") ? "blkio.weight" : "blkio.bfq.weight";
            CgroupFiles.Write(directory, file, Text(weight));
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
}
