using System.Globalization;
using Gantry.Faults;
using Gantry.Linux.Cgroups;
using Gantry.Oci.Runtime;
using Gantry.Runtime.Create;
using Gantry.Runtime.State;

namespace Gantry.Runtime.Systemd;

/// <summary>
/// linux.resources as properties of a unit (systemd.resource-control(5)), as far as systemd has them: what it does not know it
/// would take back when it looks at the unit anew. The rest, and these too, are written into the cgroup's files afterwards.
/// </summary>
internal sealed class ResourceProperties(IControlGroup group)
{
    private const ulong DefaultPeriodUs = 100_000;

    /// <summary>systemd counts a quota in hundredths of a processor.</summary>
    private const ulong QuotaStepUs = 10_000;

    private readonly List<UnitProperty> _result = [];

    /// <summary>The properties for a group that exists, when limits are changed, or does not yet.</summary>
    public static List<UnitProperty> Convert(ResourcesSpec? spec, IControlGroup group, bool withDevices)
    {
        var properties = new ResourceProperties(group);
        if (spec is not null)
        {
            properties.Add(spec, withDevices);
        }
        return properties._result;
    }

    /// <summary>What must be said when the unit is made: whether the kernel kills one process for want of memory, or all.</summary>
    public static UnitProperty? OomPolicy(ResourcesSpec? spec) => spec?.Unified?.GetValueOrDefault("memory.oom.group")?.Trim() switch
    {
        "0" => UnitProperty.Of("OOMPolicy", "continue"),
        "1" => UnitProperty.Of("OOMPolicy", "kill"),
        _ => null,
    };

    private bool IsUnified => group.Version == 2;

    private void Add(ResourcesSpec spec, bool withDevices)
    {
        var resources = ResourceMapping.Convert(spec);
        if (withDevices && resources.Devices is { } rules)
        {
            AddDevices(rules);
        }
        AddMemory(resources);
        if (resources.CpuShares is { } shares and > 0 && resources.CpuIdle is not 1)
        {
            Add(IsUnified ? "CPUWeight" : "CPUShares", IsUnified ? ControlGroup.WeightOf(shares) : shares);
        }
        if (resources.CpuIdle is 1 && IsUnified)
        {
            Add("CPUWeight", 0); // "idle"
        }
        AddQuota(resources.CpuQuotaUs ?? 0, resources.CpuPeriodUs ?? 0);
        if (resources.PidsLimit is { } pids)
        {
            Add("TasksMax", pids <= 0 ? ulong.MaxValue : (ulong)pids);
        }
        if (IsUnified)
        {
            AddSet("AllowedCPUs", "linux.resources.cpu.cpus", resources.Cpus);
            AddSet("AllowedMemoryNodes", "linux.resources.cpu.mems", resources.Mems);
        }
        AddBlock(resources);
        foreach (var (file, value) in resources.Unified ?? new Dictionary<string, string>())
        {
            AddUnified(file, value.Trim());
        }
    }

    private void Add(string name, ulong value)
    {
        _result.RemoveAll(item => item.Name == name);
        _result.Add(UnitProperty.Of(name, value));
    }

    private void AddDevices(IReadOnlyList<DeviceRule> rules)
    {
        if (DeviceProperties.Convert(rules) is { } properties)
        {
            _result.AddRange(properties);
        }
        else if (!IsUnified)
        {
            CommandOutput.Warn(
                "linux.resources.devices: systemd has no such rules; they hold until it sets the unit's devices anew (daemon-reload)");
        }
    }

    private void AddMemory(CgroupResources resources)
    {
        if (resources.MemoryLimitBytes is { } limit and not 0)
        {
            Add(IsUnified ? "MemoryMax" : "MemoryLimit", NoLimit(limit));
        }
        if (!IsUnified)
        {
            return;
        }
        if (resources.MemoryReservationBytes is { } reservation and not 0)
        {
            Add("MemoryLow", NoLimit(reservation));
        }
        if (resources.MemoryAndSwapLimitBytes is { } both and not 0)
        {
            // systemd, as the kernel, counts swap alone.
            var memory = resources.MemoryLimitBytes is > 0 ? (ulong)resources.MemoryLimitBytes.Value : Current("memory.max");
            if (both < 0)
            {
                Add("MemorySwapMax", ulong.MaxValue);
            }
            else if (memory <= (ulong)both)
            {
                Add("MemorySwapMax", (ulong)both - memory);
            }
        }
    }

    /// <summary>What is not given is as it is, or the default of a new group.</summary>
    private void AddQuota(long quota, ulong period)
    {
        if (quota == 0 && period == 0)
        {
            return;
        }
        if (period != 0)
        {
            Add("CPUQuotaPeriodUSec", period);
        }
        var (currentQuota, currentPeriod) = CurrentQuota();
        quota = quota == 0 ? currentQuota : quota;
        period = period == 0 ? currentPeriod : period;
        if (quota <= 0)
        {
            Add("CPUQuotaPerSecUSec", ulong.MaxValue);
            return;
        }
        var perSecond = (UInt128)quota * 1_000_000 / period;
        var steps = (perSecond + QuotaStepUs - 1) / QuotaStepUs;
        Add("CPUQuotaPerSecUSec", (ulong)UInt128.Min(steps * QuotaStepUs, ulong.MaxValue - 1));
    }

    private (long Quota, ulong Period) CurrentQuota()
    {
        string[] words = IsUnified
            ? Text("cpu.max", "").Split(' ')
            : [Text("cpu.cfs_quota_us", "cpu"), Text("cpu.cfs_period_us", "cpu")];
        return words is [var first, var second] && ulong.TryParse(second, out var period) && period > 0
            ? (long.TryParse(first, out var quota) ? quota : -1, period)
            : (-1, DefaultPeriodUs);
    }

    private void AddSet(string name, string field, string? list)
    {
        if (!string.IsNullOrEmpty(list))
        {
            _result.RemoveAll(item => item.Name == name);
            _result.Add(new UnitProperty(name, "ay", ToBits(field, list)));
        }
    }

    /// <summary>"0-3,7" as bits, the lowest in the first byte.</summary>
    internal static byte[] ToBits(string field, string list)
    {
        const int MaxNumber = 8191; // CONFIG_NR_CPUS
        List<byte> bits = [];
        foreach (var range in list.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            var ends = range.Split('-');
            if (ends.Length > 2 || !int.TryParse(ends[0], NumberStyles.None, CultureInfo.InvariantCulture, out var first)
                || !int.TryParse(ends[^1], NumberStyles.None, CultureInfo.InvariantCulture, out var last) || first > last || last > MaxNumber)
            {
                throw new FaultException(FaultKind.InvalidArgument, $"{field}: \"{list}\" is not a list such as 0-3,7");
            }
            while (bits.Count <= last / 8)
            {
                bits.Add(0);
            }
            for (var number = first; number <= last; number++)
            {
                bits[number / 8] |= (byte)(1 << (number % 8));
            }
        }
        return bits.Count > 0 ? [.. bits] : throw new FaultException(FaultKind.InvalidArgument, $"{field}: \"{list}\" names nothing");
    }

    private void AddBlock(CgroupResources resources)
    {
        if (resources.BlockWeight is { } weight and > 0)
        {
            Add(IsUnified ? "IOWeight" : "BlockIOWeight", IsUnified ? ControlGroup.BlockWeightOf(weight) : weight);
        }
        if (!IsUnified || resources.BlockWeights is not { Count: > 0 } devices)
        {
            return;
        }
        List<(string, ulong)> weights = [];
        foreach (var device in devices)
        {
            if (device.Weight is { } own and > 0)
            {
                weights.Add(($"/dev/block/{device.Major}:{device.Minor}", ControlGroup.BlockWeightOf(own)));
            }
        }
        _result.Add(new UnitProperty("IODeviceWeight", "a(st)", weights));
    }

    /// <summary>Files of cgroup v2 that a property stands for.</summary>
    private void AddUnified(string file, string value)
    {
        switch (file)
        {
            case "cpu.idle" when value == "1":
                Add("CPUWeight", 0);
                break;
            case "cpu.weight" when !_result.Exists(static item => item is { Name: "CPUWeight", Value: 0UL }):
                Add("CPUWeight", Number(file, value));
                break;
            case "cpu.max":
                var words = value.Split(' ', StringSplitOptions.RemoveEmptyEntries);
                if (words.Length is 1 or 2)
                {
                    AddQuota(
                        words[0] == "max" ? -1 : (long)Number(file, words[0]), words.Length == 2 ? Number(file, words[1]) : DefaultPeriodUs);
                }
                break;
            case "cpuset.cpus":
                AddSet("AllowedCPUs", $"linux.resources.unified.{file}", value);
                break;
            case "cpuset.mems":
                AddSet("AllowedMemoryNodes", $"linux.resources.unified.{file}", value);
                break;
            case "pids.max":
                Add("TasksMax", Math.Max(1, Number(file, value)));
                break;
            case "memory.min" or "memory.low" or "memory.high" or "memory.max" or "memory.swap.max" or "memory.zswap.max":
                Add(
                    file switch
                    {
                        "memory.min" => "MemoryMin",
                        "memory.low" => "MemoryLow",
                        "memory.high" => "MemoryHigh",
                        "memory.max" => "MemoryMax",
                        "memory.swap.max" => "MemorySwapMax",
                        _ => "MemoryZSwapMax",
                    },
                    Number(file, value));
                break;
        }
    }

    private static ulong Number(string file, string value) =>
        value == "max" ? ulong.MaxValue
        : ulong.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number
        : throw new FaultException(FaultKind.InvalidArgument, $"linux.resources.unified.{file}: \"{value}\" is not a number, nor max");

    private static ulong NoLimit(long value) => value < 0 ? ulong.MaxValue : (ulong)value;

    private ulong Current(string file) => ulong.TryParse(Text(file, ""), out var value) ? value : ulong.MaxValue;

    /// <summary>A file of the group's directory, on v1 of a controller's; empty when there is none.</summary>
    private string Text(string file, string controller)
    {
        var directory = group.Directories.FirstOrDefault(path => controller.Length == 0 || path.EndsWith($"/{controller}{group.Path}", StringComparison.Ordinal));
        return directory is null ? "" : System.Text.Encoding.ASCII.GetString(SmallFile.TryRead($"{directory}/{file}") ?? []).Trim();
    }
}
