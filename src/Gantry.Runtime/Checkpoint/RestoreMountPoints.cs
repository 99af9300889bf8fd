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
        using var root = new RootTree(Fcntl.Open(bundle.Rootfs, Fcntl.O_PATH | Fcntl.O_DIRECTORY), bundle.Rootfs);
        List<string> mounted = [];
        foreach (var mount in bundle.Spec.Mounts ?? [])
        {
            var destination = mount.Destination.TrimEnd('/');
            if (!mounted.Any(above => destination.StartsWith(above + "/", StringComparison.Ordinal)))
            {
                var isFile = ExternalMounts.IsBind(mount)
                    && SysStat.TryStatus(Fcntl.AT_FDCWD, Path.GetFullPath(mount.Source ?? "", bundle.Directory), true, out var source) == 0
                    && !source.IsDirectory;
                using var made = isFile ? root.OpenFile(destination) : root.OpenDirectory(destination);
            }
            mounted.Add(destination);
        }
    }
}
