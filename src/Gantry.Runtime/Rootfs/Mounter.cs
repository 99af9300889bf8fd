using Gantry.Faults;
using Gantry.Linux;
using Gantry.Linux.Cgroups;
using Gantry.Linux.Native;
using Gantry.Oci.Runtime;

namespace Gantry.Runtime.Rootfs;

/// <summary>Makes single mounts in the container's tree: detached first, then attached to an opened target.</summary>
internal sealed class Mounter(RootTree root, string bundle, string cgroupPath, List<NamespaceSpec> namespaces)
{
    /// <summary>
    /// Makes one mount. Returns the mount when it is to become read-only later (a read-only /dev needs its nodes first),
    /// else null; the caller disposes it.
    /// </summary>
    public FileDescriptor? Mount(MountSpec mount)
    {
        var options = MountOptions.Parse(mount.Options);
        try
        {
            if (options.IsBind || mount.Type == "bind")
            {
                Bind(mount, options);
                return null;
            }
            if (mount.Type is "cgroup" or "cgroup2")
            {
                MountCgroup(mount, options);
                return null;
            }
            return MountNew(mount, options);
        }
        catch (FaultException e)
        {
            var source = mount.Source is { Length: > 0 } text ? $" from {text}" : "";
            throw new FaultException(e.Kind, $"mount {mount.Destination} ({mount.Type ?? "bind"}{source}): {e.Message}", e);
        }
    }

    private FileDescriptor? MountNew(MountSpec mount, MountOptions options)
    {
        var type = mount.Type is { Length: > 0 } given
            ? given
            : throw new FaultException(FaultKind.InvalidArgument, "needs a type, or the option bind or rbind");
        var kernel = type is "proc" or "sysfs";
        var devices = mount.Destination.TrimEnd('/') == "/dev" && (options.Set & SysMount.MOUNT_ATTR_RDONLY) != 0;
        var attributes = devices ? options.Set & ~SysMount.MOUNT_ATTR_RDONLY : options.Set;
        if (type == "sysfs" && !OwnsNetwork())
        {
            attributes |= SysMount.MOUNT_ATTR_RDONLY;
        }
        var tree = SysMount.NewMount(type, mount.Source is { Length: > 0 } source ? source : type, options.Data, attributes);
        using (var target = OpenNewTarget(mount.Destination, type, followLinks: !kernel))
        {
            ProcTargets.Check(target.Number, tree.Number);
            Propagate(tree, options, mount.Destination);
            SysMount.Attach(tree.Number, target.Number, mount.Destination);
        }
        if (devices)
        {
            return tree;
        }
        if (kernel)
        {
            root.KeepKernelMount(mount.Destination, tree);
            return null;
        }
        tree.Dispose();
        return null;
    }

    private FileDescriptor OpenNewTarget(string destination, string type, bool followLinks)
    {
        try
        {
            return root.OpenDirectory(destination, followLinks);
        }
        catch (LinuxException e) when (!followLinks && e.ErrorNumber == Errno.ELOOP)
        {
            // CVE-2019-19921, CVE-2023-28642: procfs elsewhere would make what is written to /proc go to the image's files.
            throw new FaultException(FaultKind.InvalidArgument, $"{type} must be mounted on a directory, not through a link", e);
        }
    }

    private void Bind(MountSpec mount, MountOptions options)
    {
        if (string.IsNullOrEmpty(mount.Source))
        {
            throw new FaultException(FaultKind.InvalidArgument, "a bind mount needs a source");
        }
        if (mount.UidMappings is { Count: > 0 } || mount.GidMappings is { Count: > 0 })
        {
            throw new FaultException(FaultKind.NotImplemented, "id-mapped mounts are not supported");
        }
        // A relative source is relative to the bundle (config.md, "Mounts").
        var source = Path.GetFullPath(mount.Source, bundle);
        using var tree = SysMount.CloneTree(Fcntl.AT_FDCWD, source, options.IsRecursive);
        if (options.Set != 0 || options.Clear != 0)
        {
            SysMount.SetAttributes(tree.Number, options.Set, options.Clear, 0, recursive: false, mount.Destination);
        }
        if (options.RecursiveSet != 0 || options.RecursiveClear != 0)
        {
            SysMount.SetAttributes(
                tree.Number, options.RecursiveSet, options.RecursiveClear, 0, recursive: true, mount.Destination);
        }
        Propagate(tree, options, mount.Destination);
        AttachTree(tree, mount.Destination);
    }

    private void AttachTree(FileDescriptor tree, string destination)
    {
        using var target = SysStat.Status(tree.Number).IsDirectory
            ? root.OpenDirectory(destination)
            : root.OpenFile(destination);
        ProcTargets.Check(target.Number, tree.Number);
        SysMount.Attach(tree.Number, target.Number, destination);
    }

    private static void Propagate(FileDescriptor tree, MountOptions options, string name)
    {
        if (options.Propagation != 0)
        {
            SysMount.SetAttributes(tree.Number, 0, 0, options.Propagation, options.PropagationIsRecursive, name);
        }
    }

    private bool OwnsNetwork() =>
        namespaces.Any(static item => item.Type == "network" || item.Type == "user") || Unistd.EffectiveUserId() == 0;

    /// <summary>
    /// The container's view of its cgroup. v2: the group itself. v1: a tmpfs with one directory for each controller and the
    /// group on it.
    /// </summary>
    private void MountCgroup(MountSpec mount, MountOptions options)
    {
        var ownNamespace = namespaces.Any(static item => item.Type == "cgroup" && string.IsNullOrEmpty(item.Path));
        if (ControlGroup.IsUnified())
        {
            using var tree = ownNamespace
                ? SysMount.NewMount("cgroup2", "cgroup", [], options.Set)
                : SysMount.CloneTree(Fcntl.AT_FDCWD, ControlGroup.DefaultMount + cgroupPath, recursive: false);
            SysMount.SetAttributes(tree.Number, options.Set, options.Clear, 0, recursive: false, mount.Destination);
            AttachTree(tree, mount.Destination);
            return;
        }
        var writable = options.Set & ~SysMount.MOUNT_ATTR_RDONLY;
        using var top = SysMount.NewMount("tmpfs", "tmpfs", ["mode=755"], writable);
        using (var target = root.OpenDirectory(mount.Destination))
        {
            SysMount.Attach(top.Number, target.Number, mount.Destination);
        }
        foreach (var directory in ControlGroup.Open(cgroupPath).Directories)
        {
            var controller = directory[(ControlGroup.DefaultMount.Length + 1)..^cgroupPath.Length];
            using var tree = SysMount.CloneTree(Fcntl.AT_FDCWD, directory, recursive: false);
            SysMount.SetAttributes(tree.Number, options.Set, options.Clear, 0, recursive: false, directory);
            AttachTree(tree, $"{mount.Destination}/{controller}");
        }
        SysMount.SetAttributes(top.Number, options.Set, options.Clear, 0, recursive: false, mount.Destination);
    }
}
