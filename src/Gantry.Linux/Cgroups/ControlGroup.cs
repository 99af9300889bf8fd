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

    private static string Normalize(string path)
    {
        var parts = path.Split('/', StringSplitOptions.RemoveEmptyEntries);
        if (!path.StartsWith('/') || parts.Length == 0 || parts.Any(static part => part is "." or ".."))
        {
            throw new FaultException(
                FaultKind.InvalidArgument, $"cgroup path {path}: must be absolute, without . or .., and not the root");
        }
        return "/" + string.Join('/', parts);
    }
}
