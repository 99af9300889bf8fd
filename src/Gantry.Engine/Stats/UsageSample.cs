using Gantry.Linux.Cgroups;
using Gantry.Linux.Netlink;

namespace Gantry.Engine.Stats;

/// <summary>A container's usage at one moment; zeros when it does not run.</summary>
public sealed record UsageSample(DateTimeOffset Time, CgroupStatistics Group, ulong SystemCpuNs, IReadOnlyDictionary<string, LinkCounters> Networks);

/// <summary>A container's processes, as ps(1) shows them.</summary>
public sealed record ProcessTable(IReadOnlyList<string> Titles, IReadOnlyList<IReadOnlyList<string>> Rows);
