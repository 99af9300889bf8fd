using Gantry.Linux;
using Gantry.Linux.Native;
using Gantry.Runtime.Bundle;
using Gantry.Runtime.Rootfs;

namespace Gantry.Runtime.Checkpoint;

/// <summary>
/// Makes the mount points that a fresh root lacks: creation makes them as it goes, CRIU expects them. Those on file systems
/// that the image holds (tmpfs) come with it.
/// </summary>
internal static class RestoreMountPoints
{
    public static void Make(BundleLoader bundle)
    {
        List<(string Destination, string? Directory)> mounted = [("", bundle.Rootfs)];
        foreach (var mount in bundle.Spec.Mounts ?? [])
        {
            var destination = mount.Destination.TrimEnd('/');
            var source = ExternalMounts.IsBind(mount) ? Path.GetFullPath(mount.Source ?? "", bundle.Directory) : null;
            var isFile = source is not null && SysStat.TryStatus(Fcntl.AT_FDCWD, source, true, out var status) == 0 && !status.IsDirectory;
            // What a mount point lies in: the root, or the source of a bind mount, which outlives the container as well.
            var (above, directory) = mounted.FindLast(item => destination.StartsWith(item.Destination + "/", StringComparison.Ordinal));
            if (directory is not null)
            {
                using var root = new RootTree(Fcntl.Open(directory, Fcntl.O_PATH | Fcntl.O_DIRECTORY), directory);
                using var made = isFile ? root.OpenFile(destination[above.Length..]) : root.OpenDirectory(destination[above.Length..]);
            }
            mounted.Add((destination, isFile ? null : source));
        }
    }
}
