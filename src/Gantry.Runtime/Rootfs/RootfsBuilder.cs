using Gantry.Faults;
using Gantry.Linux;
using Gantry.Linux.Native;
using Gantry.Oci.Runtime;

namespace Gantry.Runtime.Rootfs;

/// <summary>
/// Makes the container's file system tree in a fresh mount namespace, in the container's first process: root, mounts,
/// devices, masked and read-only paths. Then <see cref="Enter"/> makes it this process's root.
/// </summary>
internal sealed class RootfsBuilder(RuntimeSpec spec, string rootfs, string bundle, string cgroupPath) : IDisposable
{
    private readonly List<(FileDescriptor Mount, string Name)> _lateReadOnly = [];
    private RootTree? _root;

    public RootTree Root => _root ?? throw new InvalidOperationException();

    /// <summary>Propagation, root and mounts: what has to be there before createContainer hooks run.</summary>
    public void Mount()
    {
        var propagation = SysMount.MS_SLAVE | SysMount.MS_REC;
        if (spec.Linux?.RootfsPropagation is { Length: > 0 } text && MountOptions.TryPropagation(text, out var flag, out _))
        {
            // Shared and unbindable come after the pivot: nothing may reach the host while the tree is built.
            propagation = flag == SysMount.MS_PRIVATE ? SysMount.MS_PRIVATE | SysMount.MS_REC : propagation;
        }
        SysMount.Mount(null, "/", null, propagation);
        var tree = SysMount.CloneTree(Fcntl.AT_FDCWD, rootfs, recursive: true);
        SysMount.SetAttributes(tree.Number, 0, 0, SysMount.MS_PRIVATE, recursive: false, rootfs);
        using (var target = Fcntl.Open(rootfs, Fcntl.O_PATH | Fcntl.O_DIRECTORY))
        {
            SysMount.Attach(tree.Number, target.Number, rootfs);
        }
        _root = new RootTree(tree, rootfs);
        var mounter = new Mounter(_root, bundle, cgroupPath, spec.Linux?.Namespaces ?? []);
        foreach (var mount in spec.Mounts ?? [])
        {
            if (mounter.Mount(mount) is { } late)
            {
                _lateReadOnly.Add((late, mount.Destination));
            }
        }
        if (_root.HasMountOtherThanProc("/proc"))
        {
            throw new FaultException(FaultKind.PermissionDenied, "mount /proc: only a procfs can be mounted there");
        }
        if (!HasBoundDev())
        {
            DeviceNodes.Make(_root, spec.Linux?.Devices ?? []);
        }
    }

    /// <summary>Masked and read-only paths and the read-only root: after everything that still writes to the tree.</summary>
    public void Protect()
    {
        PathMasks.Apply(Root, spec.Linux?.ReadonlyPaths ?? [], spec.Linux?.MaskedPaths ?? []);
        foreach (var (mount, name) in _lateReadOnly)
        {
            SysMount.SetAttributes(mount.Number, SysMount.MOUNT_ATTR_RDONLY, 0, 0, recursive: false, name);
        }
        if (spec.Root!.Readonly)
        {
            SysMount.SetAttributes(Root.Number, SysMount.MOUNT_ATTR_RDONLY, 0, 0, recursive: false, rootfs);
        }
    }

    /// <summary>Makes the tree the root; without pivot_root(2) (for a root that is an initramfs) by moving it over /.</summary>
    public void Enter(bool noPivot)
    {
        Unistd.ChangeDirectory(Root.Number);
        if (noPivot)
        {
            SysMount.Mount(".", "/", null, SysMount.MS_MOVE);
            Unistd.ChangeRoot(".");
        }
        else
        {
            using var former = Fcntl.Open("/", Fcntl.O_PATH | Fcntl.O_DIRECTORY);
            Unistd.PivotRootHere();
            // The old root is stacked on the new one at "/". No unmount may propagate from it to the host.
            Unistd.ChangeDirectory(former.Number);
            SysMount.Mount(null, ".", null, SysMount.MS_SLAVE | SysMount.MS_REC);
            SysMount.Unmount(".", SysMount.MNT_DETACH);
        }
        Unistd.ChangeDirectory("/");
        if (spec.Linux?.RootfsPropagation is { Length: > 0 } text
            && MountOptions.TryPropagation(text, out var flag, out var recursive))
        {
            SysMount.Mount(null, "/", null, flag | (recursive ? SysMount.MS_REC : 0));
        }
    }

    public void Dispose()
    {
        foreach (var (mount, _) in _lateReadOnly)
        {
            mount.Dispose();
        }
        _root?.Dispose();
    }

    /// <summary>A /dev that was bound from the host has its nodes already, and is the host's to keep.</summary>
    private bool HasBoundDev() =>
        spec.Mounts?.Any(static mount => mount.Destination.TrimEnd('/') == "/dev"
            && (mount.Type == "bind" || MountOptions.Parse(mount.Options).IsBind)) == true;
}
