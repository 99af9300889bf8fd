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
        }
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
            Block = ReadBlock(),
        };
    }

    /// <summary>cpu.shares 2..262144 to cpu.weight 1..10000, as runc and crun map them.</summary>
    internal static ulong WeightOf(ulong shares) => 1 + (((Math.Clamp(shares, 2, 262144) - 2) * 9999) / 262142);

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

    private void ApplyMemory(CgroupResources resources)
    {
        if (resources.MemoryAndSwapLimitBytes is { } both and not 0)
        {
            // v2 counts swap alone.
            var swap = both < 0 ? -1 : resources.MemoryLimitBytes is { } memory and > 0 ? both - memory : -1;
            if (CgroupFiles.Exists($"{_directory}/memory.swap.max"))
            {
                Set("memory.swap.max", Text(swap));
            }
        }
        if (resources.MemoryLimitBytes is { } limit and not 0)
        {
            Set("memory.max", Text(limit));
        }
        if (resources.MemoryReservationBytes is { } reservation and not 0)
        {
            Set("memory.low", Text(reservation));
        }
    }

    private void ApplyCpu(CgroupResources resources)
    {
        if (resources.CpuShares is { } shares and > 0)
        {
            Set("cpu.weight", WeightOf(shares).ToString(CultureInfo.InvariantCulture));
        }
        if (resources.CpuQuotaUs is not null || resources.CpuPeriodUs is not null)
        {
            var quota = resources.CpuQuotaUs is { } value and > 0 ? Text(value) : "max";
            Set("cpu.max", $"{quota} {resources.CpuPeriodUs ?? 100_000}");
        }
        if (resources.CpuBurstUs is { } burst)
        {
            Set("cpu.max.burst", burst.ToString(CultureInfo.InvariantCulture));
        }
        if (resources.CpuIdle is { } idle)
        {
            Set("cpu.idle", Text(idle));
        }
    }

    private void ApplyBlock(CgroupResources resources)
    {
        if (resources.BlockWeight is { } weight and > 0)
        {
            // 10..1000 to 1..10000 of io.weight; bfq's own file takes the value as it is.
            if (CgroupFiles.Exists($"{_directory}/io.bfq.weight"))
            {
                Set("io.bfq.weight", Text(weight));
            }
            else
            {
                Set("io.weight", Text(1 + ((weight - 10) * 9999 / 990)));
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
}
