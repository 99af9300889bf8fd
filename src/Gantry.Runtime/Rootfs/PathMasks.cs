using Gantry.Faults;
using Gantry.Linux;
using Gantry.Linux.Native;

namespace Gantry.Runtime.Rootfs;

/// <summary>linux.maskedPaths and linux.readonlyPaths. Paths that do not exist are skipped, as the specification has it.</summary>
internal static class PathMasks
{
    public static void Apply(RootTree root, List<string> readOnly, List<string> masked)
    {
        foreach (var path in readOnly)
        {
            using var target = root.TryOpen(path);
            if (target is null)
            {
                continue;
            }
            using var tree = SysMount.CloneTree(target.Number, "", recursive: true);
            SysMount.SetAttributes(tree.Number, SysMount.MOUNT_ATTR_RDONLY, 0, 0, recursive: true, path);
            SysMount.Attach(tree.Number, target.Number, path);
        }
        if (masked.Count > 0)
        {
            Mask(root, masked);
        }
    }

    private static void Mask(RootTree root, List<string> masked)
    {
        // The host's /dev/null, opened before the pivot and checked: the container's may be anything (CVE-2025-31133).
        using var nothing = Fcntl.Open("/dev/null", Fcntl.O_PATH);
        if (!SysStat.Status(nothing.Number).IsCharacterDevice(1, 3))
        {
            throw new FaultException(FaultKind.FailedPrecondition, "/dev/null: is not the null device");
        }
        FileDescriptor? empty = null;
        foreach (var path in masked.Distinct())
        {
            using var target = root.TryOpen(path);
            if (target is null)
            {
                continue;
            }
            var directory = SysStat.Status(target.Number).IsDirectory;
            var isFirst = directory && empty is null;
            if (directory)
            {
                empty ??= SysMount.NewMount("tmpfs", "tmpfs", ["nr_blocks=1", "nr_inodes=1"], SysMount.MOUNT_ATTR_RDONLY);
            }
            // Copies are made of mounts that are attached: only Linux 6.15 and later copy a detached one.
            using var tree = isFirst ? null : SysMount.CloneTree((directory ? empty! : nothing).Number, "", recursive: false);
            SysMount.Attach((tree ?? empty!).Number, target.Number, path);
        }
        empty?.Dispose();
    }
}
