using Gantry.Linux.Cgroups;
using Gantry.Linux.Native;
using Gantry.Oci.Runtime;
using Gantry.Runtime.Rootfs;

namespace Gantry.Runtime.Checkpoint;

/// <summary>
/// The container's mounts whose contents CRIU must not look into, because they come from the host: bind mounts, file masks,
/// and without a cgroup namespace the host's cgroup directories.
/// </summary>
internal static class ExternalMounts
{
    /// <summary>The path inside the container and what is mounted there.</summary>
    public static List<(string Destination, string Source)> Of(RuntimeSpec spec, string rootfs, string bundle, string cgroupPath)
    {
        List<(string, string)> result = [];
        using var root = new RootTree(Fcntl.Open(rootfs, Fcntl.O_PATH | Fcntl.O_DIRECTORY), rootfs);
        var hasCgroupNamespace = spec.Linux?.Namespaces?.Any(static item => item.Type == "cgroup") == true;
        foreach (var mount in spec.Mounts ?? [])
        {
            if (IsBind(mount))
            {
                result.Add((Resolve(root, Normal(mount.Destination)), Path.GetFullPath(mount.Source ?? "", bundle)));
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

    /// <summary>CRIU knows mounts by where they are, which symbolic links on the way may have changed.</summary>
    private static string Resolve(RootTree root, string destination)
    {
        using var found = root.TryOpen(destination);
        if (found is null)
        {
            return destination; // on a file system that is mounted in the container
        }
        var top = Unistd.ReadLink($"/proc/self/fd/{root.Number}");
        var path = Unistd.ReadLink($"/proc/self/fd/{found.Number}");
        return path.StartsWith(top + "/", StringComparison.Ordinal) ? path[top.Length..] : destination;
    }

    private static string Normal(string path) => path.Length > 1 ? path.TrimEnd('/') : path;
}
