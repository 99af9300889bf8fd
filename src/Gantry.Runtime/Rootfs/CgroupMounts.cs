using Gantry.Linux;
using Gantry.Linux.Cgroups;
using Gantry.Linux.Native;
using Gantry.Oci.Runtime;

namespace Gantry.Runtime.Rootfs;

/// <summary>The container's view of its cgroup.</summary>
internal sealed class CgroupMounts(RootTree root, string cgroupPath, LinuxSpec linux)
{
    private readonly BindMounts _binds = new(root, "/");

    /// <summary>
    /// On v2 the group itself is mounted. On v1 a tmpfs, with one directory for each hierarchy (named ones too) and the group
    /// on it, and links for the controllers that share a hierarchy.
    /// </summary>
    public void Mount(MountSpec mount, MountOptions options)
    {
        if (ControlGroup.IsUnified())
        {
            using var tree = MakeUnified(options, ControlGroup.DefaultMount);
            BindMounts.SetAttributes(tree, options, mount.Destination);
            _binds.Attach(tree, mount.Destination);
            Mounter.Propagate(tree, options, mount.Destination);
            return;
        }
        MountLegacy(mount, options);
    }

    /// <summary>
    /// A new mount shows the group as its root in a cgroup namespace of the container's; otherwise, and where that is refused
    /// (a user namespace that does not own it, a mount that is there already), the group's directory is bound.
    /// </summary>
    private FileDescriptor MakeUnified(MountOptions options, string top)
    {
        if (OwnsNamespace)
        {
            try
            {
                return SysMount.NewMount("cgroup2", "cgroup", options.Data, options.Set);
            }
            catch (LinuxException e) when (e.ErrorNumber is Errno.EPERM or Errno.EBUSY)
            {
                return Bind(top);
            }
        }
        return Bind(top + cgroupPath);
    }

    private void MountLegacy(MountSpec mount, MountOptions options)
    {
        var writable = options.Set & ~SysMount.MOUNT_ATTR_RDONLY;
        using var top = SysMount.NewMount("tmpfs", "tmpfs", ["mode=755"], writable);
        using (var target = root.OpenDirectory(mount.Destination))
        {
            SysMount.Attach(top.Number, target.Number, mount.Destination);
        }
        foreach (var hierarchy in LegacyHierarchy.All())
        {
            if (hierarchy.TryDirectoryOf(cgroupPath) is not { } directory)
            {
                continue;
            }
            var path = $"{mount.Destination}/{hierarchy.Name}";
            using var tree = Bind(directory);
            BindMounts.SetAttributes(tree, options, path);
            _binds.Attach(tree, path);
            foreach (var link in hierarchy.Links)
            {
                var errno = SysStat.TryMakeSymlink(hierarchy.Name, top.Number, link);
                if (errno is not (0 or Errno.EEXIST))
                {
                    throw new LinuxException("symlinkat", $"{mount.Destination}/{link}", errno);
                }
            }
        }
        SysMount.SetAttributes(
            top.Number, options.Set & SysMount.MOUNT_ATTR_RDONLY, 0, 0, recursive: false, mount.Destination);
        Mounter.Propagate(top, options, mount.Destination);
    }

    /// <summary>A clone that takes no part in the host's propagation.</summary>
    private static FileDescriptor Bind(string directory)
    {
        var tree = SysMount.CloneTree(Fcntl.AT_FDCWD, directory, recursive: false);
        SysMount.SetAttributes(tree.Number, 0, 0, SysMount.MS_PRIVATE, recursive: false, directory);
        return tree;
    }

    private bool OwnsNamespace =>
        linux.Namespaces?.Exists(static item => item.Type == "cgroup" && string.IsNullOrEmpty(item.Path)) == true;
}
