using System.Globalization;
using Gantry.Faults;
using Gantry.Linux.Native;

namespace Gantry.Linux.Cgroups;

/// <summary>Limits and counters of cgroup v2, translated from the specification's v1 units.</summary>
internal sealed partial class UnifiedControlGroup
{
    public void Apply(CgroupResources resources)
    {
        if (resources.Devices is { } devices)
        {
            DeviceFilter.Attach(_directory, devices);
        }
        ApplyMemory(resources);
        ApplyCpu(resources);
        Set("cpuset.cpus", resources.Cpus);
        Set("cpuset.mems", resources.Mems);
        if (resources.PidsLimit is { } pids)
        {
            Set("pids.max", pids > 0 ? Text(pids) : "max");
        }
        ApplyBlock(resources);
        foreach (var (size, limit) in resources.HugePageLimits ?? new Dictionary<string, ulong>())
        {
            Set($"hugetlb.{size}.max", limit.ToString(CultureInfo.InvariantCulture));
            // What is reserved but not yet touched counts elsewhere (Linux 5.7).
            CgroupFiles.TryWrite(_directory, $"hugetlb.{size}.rsvd.max", limit.ToString(CultureInfo.InvariantCulture));
        }
        foreach (var (device, (handles, objects)) in resources.Rdma ?? new Dictionary<string, (uint?, uint?)>())
        {
            Set("rdma.max", CgroupFiles.RdmaLimit(device, handles, objects));
        }
        RefuseLegacy("network.classID", resources.NetworkClassId is not (null or 0));
        RefuseLegacy("network.priorities", resources.NetworkPriorities is { Count: > 0 });
        foreach (var (file, value) in resources.Unified ?? new Dictionary<string, string>())
        {
            if (file.Contains('/') || !file.Contains('.'))
            {
                throw new FaultException(
                    FaultKind.InvalidArgument, $"linux.resources.unified: {file} is not a cgroup file name such as memory.high");
            }
            Set(file, value);
        }
    }

    public CgroupStatistics Statistics()
    {
        var cpu = CgroupFiles.ReadTable(_directory, "cpu.stat");
        return new CgroupStatistics
        {
            CpuUsageNs = cpu.GetValueOrDefault("usage_usec") * 1000,
            CpuUserNs = cpu.GetValueOrDefault("user_usec") * 1000,
            CpuSystemNs = cpu.GetValueOrDefault("system_usec") * 1000,
            CpuPeriods = cpu.GetValueOrDefault("nr_periods"),
            CpuThrottledPeriods = cpu.GetValueOrDefault("nr_throttled"),
            CpuThrottledNs = cpu.GetValueOrDefault("throttled_usec") * 1000,
            MemoryUsageBytes = CgroupFiles.ReadNumber(_directory, "memory.current"),
            MemoryPeakBytes = CgroupFiles.ReadNumber(_directory, "memory.peak"),
            MemoryLimitBytes = CgroupFiles.ReadNumber(_directory, "memory.max"),
            MemoryFailures = CgroupFiles.ReadTable(_directory, "memory.events").GetValueOrDefault("max"),
            Memory = CgroupFiles.ReadTable(_directory, "memory.stat"),
            Pids = CgroupFiles.ReadNumber(_directory, "pids.current"),
            PidsLimit = CgroupFiles.ReadNumber(_directory, "pids.max"),
            Swap = new CgroupUse(
                CgroupFiles.ReadNumber(_directory, "memory.swap.current"), CgroupFiles.ReadNumber(_directory, "memory.swap.peak"),
                CgroupFiles.ReadNumber(_directory, "memory.swap.max"),
                CgroupFiles.ReadTable(_directory, "memory.swap.events").GetValueOrDefault("fail")),
            HugePages = CgroupFiles.HugePageSizes(_directory, ".max").ToDictionary(static size => size, size => new CgroupUse(
                CgroupFiles.ReadNumber(_directory, $"hugetlb.{size}.current"), 0,
                CgroupFiles.ReadNumber(_directory, $"hugetlb.{size}.max"),
                CgroupFiles.ReadTable(_directory, $"hugetlb.{size}.events").GetValueOrDefault("max"))),
            CpuPressure = CgroupFiles.TryRead(_directory, "cpu.pressure"),
            MemoryPressure = CgroupFiles.TryRead(_directory, "memory.pressure"),
            IoPressure = CgroupFiles.TryRead(_directory, "io.pressure"),
            Block = ReadBlock(),
        };
    }

    /// <summary>cpu.shares 2..262144 to cpu.weight 1..10000, as runc and crun map them.</summary>
    internal static ulong WeightOf(ulong shares) => 1 + (((Math.Clamp(shares, 2, 262144) - 2) * 9999) / 262142);

    internal static ulong BlockWeightOf(int weight) => (ulong)(1 + ((weight - 10) * 9999 / 990));

    private static string Text(long value) => value < 0 ? "max" : value.ToString(CultureInfo.InvariantCulture);

    private void Set(string file, string? value)
    {
        if (string.IsNullOrEmpty(value))
        {
            return;
        }
        var errno = CgroupFiles.TryWrite(_directory, file, value);
        if (errno == Errno.ENOENT)
        {
            throw new FaultException(
                FaultKind.FailedPrecondition,
                $"{_directory}/{file}: no such file; the parent group does not pass on the controller {file.Split('.')[0]}");
        }
        if (errno != 0)
        {
            throw new LinuxException($"write {value} to", $"{_directory}/{file}", errno);
        }
    }

    /// <summary>Some settings of v1 have no counterpart; going without them would be a limit that silently is not there.</summary>
    private static void RefuseLegacy(string setting, bool asked)
    {
        if (asked)
        {
            throw new FaultException(
                FaultKind.FailedPrecondition, $"linux.resources.{setting}: cgroup v2 has no such setting; leave it out");
        }
    }

    private void ApplyMemory(CgroupResources resources)
    {
        var limit = resources.MemoryLimitBytes is 0 ? null : resources.MemoryLimitBytes;
        var both = resources.MemoryAndSwapLimitBytes is 0 ? null : resources.MemoryAndSwapLimitBytes;
        CgroupFiles.CheckSwap(limit, both);
        if (limit is > 0 && resources.CheckMemoryBeforeUpdate)
        {
            CgroupFiles.CheckUsage(limit.Value, CgroupFiles.ReadNumber(_directory, "memory.current"));
        }
        if (both is not null || limit == -1)
        {
            ApplySwap(limit, both ?? -1);
        }
        if (limit is not null)
        {
            Set("memory.max", Text(limit.Value));
        }
        if (resources.MemoryReservationBytes is { } reservation and not 0)
        {
            Set("memory.low", Text(reservation));
        }
    }

    /// <summary>v2 counts swap alone; the specification counts it together with memory.</summary>
    private void ApplySwap(long? limit, long both)
    {
        var memory = limit is > 0 ? (ulong)limit.Value : CgroupFiles.ReadNumber(_directory, "memory.max");
        if (both > 0 && memory == ulong.MaxValue)
        {
            throw new FaultException(
                FaultKind.InvalidArgument, $"limit of memory and swap {both}: unable to set it without a memory limit");
        }
        if (both > 0)
        {
            CgroupFiles.CheckSwap((long)memory, both);
        }
        // A kernel without swap has no file to limit it in.
        if (CgroupFiles.Exists($"{_directory}/memory.swap.max"))
        {
            Set("memory.swap.max", both < 0 ? "max" : Text(both - (long)memory));
        }
    }

    private void ApplyCpu(CgroupResources resources)
    {
        RefuseLegacy("cpu.realtimeRuntime", resources.RealtimeRuntimeUs is not (null or 0));
        RefuseLegacy("cpu.realtimePeriod", resources.RealtimePeriodUs is not (null or 0));
        if (resources.CpuIdle is { } idle)
        {
            Set("cpu.idle", Text(idle));
        }
        // An idle group takes no weight: it has the least one.
        if (resources.CpuShares is { } shares and > 0 && resources.CpuIdle is not 1)
        {
            Set("cpu.weight", WeightOf(shares).ToString(CultureInfo.InvariantCulture));
        }
        ApplyQuota(resources.CpuQuotaUs, resources.CpuPeriodUs);
        if (resources.CpuBurstUs is { } burst)
        {
            Set("cpu.max.burst", burst.ToString(CultureInfo.InvariantCulture));
        }
    }

    /// <summary>cpu.max holds quota and period; the one that is not given stays as it is.</summary>
    private void ApplyQuota(long? quota, ulong? period)
    {
        if (quota is null or 0 && period is null or 0)
        {
            return;
        }
        var current = (CgroupFiles.TryRead(_directory, "cpu.max") ?? "max 100000").Trim().Split(' ');
        var first = quota is null or 0 ? current[0] : quota > 0 ? Text(quota.Value) : "max";
        var second = period is null or 0 ? current[^1] : period.Value.ToString(CultureInfo.InvariantCulture);
        Set("cpu.max", $"{first} {second}");
    }

    private void ApplyBlock(CgroupResources resources)
    {
        if (resources.BlockWeight is { } weight and > 0)
        {
            SetWeight("", weight);
        }
        RefuseLegacy("blockIO.leafWeight", resources.BlockLeafWeight is not (null or 0));
        foreach (var device in resources.BlockWeights ?? [])
        {
            RefuseLegacy("blockIO.weightDevice.leafWeight", device.LeafWeight is not (null or 0));
            if (device.Weight is { } own and > 0)
            {
                SetWeight($"{device.Major}:{device.Minor} ", own);
            }
        }
        foreach (var throttle in resources.BlockThrottles ?? [])
        {
            var key = throttle.Kind switch
            {
                BlockThrottleKind.ReadBytes => "rbps",
                BlockThrottleKind.WriteBytes => "wbps",
                BlockThrottleKind.ReadOperations => "riops",
                _ => "wiops",
            };
            var rate = throttle.Rate == 0 ? "max" : throttle.Rate.ToString(CultureInfo.InvariantCulture);
            Set("io.max", $"{throttle.Major}:{throttle.Minor} {key}={rate}");
        }
    }

    private List<BlockStatistics> ReadBlock()
    {
        List<BlockStatistics> result = [];
        foreach (var line in (CgroupFiles.TryRead(_directory, "io.stat") ?? "").Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            // "8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0"
            var words = line.Split(' ');
            var numbers = words[0].Split(':');
            if (numbers.Length != 2 || !uint.TryParse(numbers[0], out var major) || !uint.TryParse(numbers[1], out var minor))
            {
                continue;
            }
            var values = new Dictionary<string, ulong>();
            foreach (var word in words.Skip(1))
            {
                var equals = word.IndexOf('=');
                values[word[..Math.Max(equals, 0)]] = ulong.TryParse(word.AsSpan(equals + 1), out var value) ? value : 0;
            }
            result.Add(new BlockStatistics(
                major, minor, values.GetValueOrDefault("rbytes"), values.GetValueOrDefault("wbytes"),
                values.GetValueOrDefault("rios"), values.GetValueOrDefault("wios")));
        }
        return result;
    }

    /// <summary>bfq's own file takes the weight as it is; io.weight has 1 to 10000 for the specification's 10 to 1000.</summary>
    private void SetWeight(string device, int weight)
    {
        if (CgroupFiles.Exists($"{_directory}/io.bfq.weight"))
        {
            Set("io.bfq.weight", $"{device}{weight}");
        }
        else
        {
            Set("io.weight", $"{(device.Length == 0 ? "default " : device)}{BlockWeightOf(weight)}");
        }
    }
}
