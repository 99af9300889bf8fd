using System.Text;
using Gantry.Faults;
using Gantry.Linux.Native;

namespace Gantry.Linux.Cgroups;

/// <summary>Opens control groups of the machine's layout.</summary>
public static class ControlGroup
{
    /// <summary>Where the hierarchies are mounted.</summary>
    public const string DefaultMount = "/sys/fs/cgroup";

    /// <summary>True when the machine has cgroup v2 only.</summary>
    public static bool IsUnified(string mount = DefaultMount) =>
        SysStat.FileSystemType(mount) == SysStat.CGROUP2_SUPER_MAGIC;

    /// <summary>
    /// The group of a path such as /kubepods/burstable/pod1/abc, existing or not. Throws
    /// <see cref="FaultKind.InvalidArgument"/> for a path that is relative, has "..", or is the root.
    /// </summary>
    public static IControlGroup Open(string path, string mount = DefaultMount)
    {
        var normal = Normalize(path);
        return IsUnified(mount) ? new UnifiedControlGroup(normal, mount) : new LegacyControlGroup(normal, mount);
    }

    /// <summary>Throws Conflict when a memory limit is below what a group's processes use.</summary>
    public static void CheckMemoryLimit(IControlGroup group, long limit) => CgroupFiles.CheckUsage(limit, group.Statistics().MemoryUsageBytes);

    /// <summary>The group that a process is in: on v2 its only one, on v1 that of the first controller that is mounted.</summary>
    public static IControlGroup OfProcess(int pid, string mount = DefaultMount) =>
        Open(PathOfProcess(pid, mount), mount);

    /// <summary>
    /// The path below the hierarchies' roots of the group that a process is in ("/" for the root); on v1 of the devices
    /// controller, or the first one that is listed. <paramref name="pid"/> 0 is this process.
    /// </summary>
    public static string PathOfProcess(int pid, string mount = DefaultMount)
    {
        var process = pid == 0 ? "self" : pid.ToString(System.Globalization.CultureInfo.InvariantCulture);
        var text = CgroupFiles.TryRead($"/proc/{process}", "cgroup")
            ?? throw new FaultException(FaultKind.NotFound, $"/proc/{process}/cgroup: there is no such process");
        var unified = IsUnified(mount);
        string? first = null;
        foreach (var line in text.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            // "4:memory:/a/b", and of v2 "0::/a/b"
            var parts = line.Split(':', 3);
            if (unified ? parts[1].Length == 0 : parts[1].Split(',').Contains("devices"))
            {
                return parts[2];
            }
            first ??= parts[1].Length > 0 && !parts[1].StartsWith("name=", StringComparison.Ordinal) ? parts[2] : null;
        }
        return first ?? "/";
    }

    /// <summary>cpu.shares 2..262144 as cpu.weight 1..10000, as runc and crun map them.</summary>
    public static ulong WeightOf(ulong shares) => UnifiedControlGroup.WeightOf(shares);

    /// <summary>The specification's weight of block I/O, 10..1000, as io.weight, 1..10000.</summary>
    public static ulong BlockWeightOf(ushort weight) => UnifiedControlGroup.BlockWeightOf(weight);

    private static string Normalize(string path)
    {
        var normal = new StringBuilder(path.Length);
        var isValid = path.StartsWith('/');
        foreach (var range in path.AsSpan().Split('/'))
        {
            var part = path.AsSpan(range);
            isValid &= part is not ("." or "..");
            normal.Append(part.Length > 0 ? "/" : "").Append(part);
        }
        if (!isValid || normal.Length == 0)
        {
            throw new FaultException(
                FaultKind.InvalidArgument, $"cgroup path {path}: must be absolute, without . or .., and not the root");
        }
        return normal.ToString();
    }
}
