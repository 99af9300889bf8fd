using Gantry.Faults;
using Gantry.Linux;
using Gantry.Linux.Native;
using Gantry.Oci.Runtime;

namespace Gantry.Runtime.Rootfs;

/// <summary>Bind mounts: a clone of a tree of the host, attached in the container.</summary>
internal sealed class BindMounts(RootTree root, string bundle)
{
    /// <summary>
    /// Makes one. <paramref name="prepared"/> is the source as the runtime has opened it already, where the container's own
    /// rights do not suffice; it is disposed.
    /// </summary>
    public void Mount(MountSpec mount, MountOptions options, FileDescriptor? prepared)
    {
        if (options.CopiesLink && TryCopyLink(mount))
        {
            prepared?.Dispose();
            return;
        }
        using var tree = prepared ?? Clone(mount, options, bundle);
        SetAttributes(tree, options, mount.Destination);
        Attach(tree, mount.Destination, options.KeepsTargetLink);
        Mounter.Propagate(tree, options, mount.Destination);
    }

    /// <summary>A detached clone of a mount's source.</summary>
    public static FileDescriptor Clone(MountSpec mount, MountOptions options, string bundle) =>
        SysMount.CloneTree(Fcntl.AT_FDCWD, SourceOf(mount, bundle), options.IsRecursive, !options.KeepsSourceLink);

    /// <summary>
    /// Sets a mount's attributes; only what the options name changes. In a user namespace the host's own nosuid, nodev and
    /// noexec cannot be taken away: those stay. A mount that stays read-only against the options is an error.
    /// </summary>
    public static void SetAttributes(FileDescriptor tree, MountOptions options, string name)
    {
        Change(tree, options.Set, options.Clear, recursive: false, name);
        Change(tree, options.RecursiveSet, options.RecursiveClear, recursive: true, name);
    }

    /// <summary>Attaches a tree at a path, which is made when it is missing: a directory or a file, as the tree's root is.</summary>
    public void Attach(FileDescriptor tree, string destination, bool keepsLink = false)
    {
        using var target = keepsLink && root.TryOpenLink(destination) is { } link
            ? link
            : SysStat.Status(tree.Number).IsDirectory ? root.OpenDirectory(destination) : root.OpenFile(destination);
        ProcTargets.Check(target.Number, tree.Number);
        SysMount.Attach(tree.Number, target.Number, destination);
    }

    private static void Change(FileDescriptor tree, ulong set, ulong clear, bool recursive, string name)
    {
        if (set == 0 && clear == 0)
        {
            return;
        }
        try
        {
            SysMount.SetAttributes(tree.Number, set, clear, 0, recursive, name);
        }
        catch (LinuxException e) when (e.ErrorNumber == Errno.EPERM && (clear & ~SysMount.MOUNT_ATTR_RDONLY) != 0)
        {
            SysMount.SetAttributes(
                tree.Number, set & ~SysMount.MOUNT_ATTR__ATIME, clear & SysMount.MOUNT_ATTR_RDONLY, 0, recursive, name);
        }
    }

    /// <summary>A relative source is relative to the bundle (config.md, "Mounts").</summary>
    private static string SourceOf(MountSpec mount, string bundle) => Path.GetFullPath(mount.Source!, bundle);

    private bool TryCopyLink(MountSpec mount)
    {
        var source = SourceOf(mount, bundle);
        if (SysStat.TryStatus(Fcntl.AT_FDCWD, source, false, out var status) != 0
            || (status.Mode & SysStat.S_IFMT) != SysStat.S_IFLNK)
        {
            return false;
        }
        var target = Unistd.ReadLink(source);
        var (parent, last) = RootTree.Split(mount.Destination);
        using var directory = root.OpenDirectory(parent);
        var errno = SysStat.TryMakeSymlink(target, directory.Number, last);
        if (errno == 0 || (errno == Errno.EEXIST && Unistd.TryReadLink(directory.Number, last) == target))
        {
            return true;
        }
        throw new LinuxException("symlinkat", $"{mount.Destination} -> {target}", errno);
    }
}
