using Gantry.Docker.Model;
using Gantry.Docker.Protocol;
using Gantry.Engine.Containers;
using Gantry.Engine.Stats;

namespace Gantry.Docker.Translation;

/// <summary>Shows usage as Docker does.</summary>
internal static class StatsView
{
    internal static StatsJson Show(ContainerRecord container, UsageSample sample, UsageSample? previous) => new()
    {
        Name = "/" + container.Name,
        Id = container.Id,
        Read = TimestampText.Format(sample.Time),
        PreRead = TimestampText.Format(previous?.Time),
        Pids = new PidsStatsJson(sample.Group.Pids, sample.Group.PidsLimit == ulong.MaxValue ? null : sample.Group.PidsLimit),
        Blkio = new BlkioStatsJson([.. sample.Group.Block.SelectMany(device => (BlkioEntryJson[])
        [
            new(device.Major, device.Minor, "read", device.ReadBytes),
            new(device.Major, device.Minor, "write", device.WriteBytes),
        ])]),
        Cpu = Cpu(sample),
        PreCpu = previous is null ? Cpu(null) : Cpu(previous),
        Memory = new MemoryStatsJson(
            sample.Group.MemoryUsageBytes,
            sample.Group.Memory,
            sample.Group.MemoryLimitBytes > (ulong)GC.GetGCMemoryInfo().TotalAvailableMemoryBytes ? (ulong)GC.GetGCMemoryInfo().TotalAvailableMemoryBytes : sample.Group.MemoryLimitBytes),
        Networks = sample.Networks.Count == 0 ? null : sample.Networks.ToDictionary(pair => pair.Key, pair => new NetworkStatsJson
        {
            RxBytes = pair.Value.RxBytes,
            RxPackets = pair.Value.RxPackets,
            RxErrors = pair.Value.RxErrors,
            RxDropped = pair.Value.RxDropped,
            TxBytes = pair.Value.TxBytes,
            TxPackets = pair.Value.TxPackets,
            TxErrors = pair.Value.TxErrors,
            TxDropped = pair.Value.TxDropped,
        }),
    };

    private static CpuStatsJson Cpu(UsageSample? sample) => new()
    {
        Usage = new CpuUsageJson(sample?.Group.CpuUsageNs ?? 0, sample?.Group.CpuSystemNs ?? 0, sample?.Group.CpuUserNs ?? 0),
        System = sample?.SystemCpuNs ?? 0,
        Processors = Environment.ProcessorCount,
        Throttling = new ThrottlingJson(sample?.Group.CpuPeriods ?? 0, sample?.Group.CpuThrottledPeriods ?? 0, sample?.Group.CpuThrottledNs ?? 0),
    };
}
