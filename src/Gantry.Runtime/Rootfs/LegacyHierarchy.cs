using System.Text;
using Gantry.Linux.Cgroups;
using Gantry.Linux.Native;
using Gantry.Runtime.State;

namespace Gantry.Runtime.Rootfs;

/// <summary>
/// One cgroup v1 hierarchy of the host, named or of controllers, or the v2 tree beside them, by its mount below
/// /sys/fs/cgroup.
/// </summary>
/// <param name="Name">The mount's directory, as "memory", "cpu,cpuacct", "systemd" or "unified".</param>
/// <param name="Links">Names of links beside the mount, for controllers that share it.</param>
internal sealed record LegacyHierarchy(string Name, IReadOnlyList<string> Links)
{
    /// <summary>The hierarchies that are mounted, from /proc/self/cgroup: "4:cpu,cpuacct:/path", "1:name=systemd:/", "0::/".</summary>
    public static List<LegacyHierarchy> All()
    {
        List<LegacyHierarchy> result = [];
        var text = Encoding.UTF8.GetString(SmallFile.TryRead("/proc/self/cgroup") ?? []);
        foreach (var line in text.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            var fields = line.Split(':', 3);
            var controllers = fields[1].Split(',');
            var name = fields[1].Length == 0 ? "unified"
                : fields[1].StartsWith("name=", StringComparison.Ordinal) ? fields[1][5..] : Directory(controllers);
            if (name is not null && Exists($"{ControlGroup.DefaultMount}/{name}/cgroup.procs"))
            {
                result.Add(new LegacyHierarchy(name, controllers.Length > 1 ? controllers : []));
            }
        }
        return result;
    }

    /// <summary>The group in it; null where the runtime has made none, whose groups are not the container's to see.</summary>
    public string? TryDirectoryOf(string path) =>
        $"{ControlGroup.DefaultMount}/{Name}{path}" is var made && Exists(made) ? made : null;

    private static string? Directory(string[] controllers) =>
        controllers.Prepend(string.Join(',', controllers)).Append(string.Join(',', Enumerable.Reverse(controllers)))
            .FirstOrDefault(static name => Exists($"{ControlGroup.DefaultMount}/{name}/cgroup.procs"));

    private static bool Exists(string path) => SysStat.TryStatus(Fcntl.AT_FDCWD, path, true, out _) == 0;
}
