using Gantry.Linux.Cgroups;
using Gantry.Oci.Runtime;

namespace Gantry.Runtime.Checkpoint;

/// <summary>
/// The container's mounts whose contents CRIU must not look into, because they come from the host: bind mounts, file masks,
/// and without a cgroup namespace the host's cgroup directories.
/// </summary>
internal static class ExternalMounts
{
    /// <summary>The path inside the container and what is mounted there.</summary>
    public static List<(string Destination, string Source)> Of(RuntimeSpec spec, string bundle, string cgroupPath)
    {
        List<(string, string)> result = [];
        var hasCgroupNamespace = spec.Linux?.Namespaces?.Any(static item => item.Type == "cgroup") == true;
        foreach (var mount in spec.Mounts ?? [])
        {
            if (IsBind(mount))
            {
                result.Add((Normal(mount.Destination), Path.GetFullPath(mount.Source ?? "", bundle)));
            }
            else if (mount.Type == "cgroup" && !hasCgroupNamespace && !ControlGroup.IsUnified())
            {
                result.AddRange(LegacyGroups(Normal(mount.Destination), cgroupPath));
            }
        }
        return result;
    }

    public static bool IsBind(MountSpec mount) =>
        mount.Type == "bind" || mount.Options?.Any(static option => option is "bind" or "rbind") == true;

    private static IEnumerable<(string Destination, string Source)> LegacyGroups(string destination, string cgroupPath)
    {
        foreach (var directory in ControlGroup.Open(cgroupPath).Directories)
        {
            var controller = Path.GetFileName(directory[..^cgroupPath.Length]);
            yield return ($"{destination}/{controller}", directory);
        }
    }

    private static string Normal(string path) => path.Length > 1 ? path.TrimEnd('/') : path;
}
