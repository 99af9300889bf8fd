using Gantry.Faults;
using Gantry.Linux;
using Gantry.Linux.Native;
using Gantry.Oci.Runtime;

namespace Gantry.Runtime.Rootfs;

/// <summary>
/// Makes the container's file system tree in the container's first process: root, mounts, devices, masked and read-only
/// paths. Then <see cref="Enter"/> makes it this process's root. In a mount namespace that was joined nothing of the others
/// there changes but what is mounted on the root file system.
/// </summary>
internal sealed class RootfsBuilder(
    RuntimeSpec spec, string rootfs, string bundle, string cgroupPath, MountSources sources, bool joined) : IDisposable
{
    private readonly List<(FileDescriptor Mount, string Name)> _lateReadOnly = [];
    private RootTree? _root;

    public RootTree Root => _root ?? throw new InvalidOperationException();

    /// <summary>
    /// Propagation, root and mounts: what has to be there before createContainer hooks run. Calls
    /// <paramref name="needsGroup"/> before it mounts groups.
    /// </summary>
    public void Mount(Action needsGroup)
    {
        if (!joined)
        {
            DetachFromHost();
        }
        _root = new RootTree(AttachRoot(), rootfs);
        var mounter = new Mounter(_root, bundle, cgroupPath, spec.Linux ?? new LinuxSpec(), sources);
        for (var i = 0; i < (spec.Mounts?.Count ?? 0); i++)
        {
            if (spec.Mounts![i].Type is "cgroup" or "cgroup2")
            {
                needsGroup();
            }
            if (mounter.Mount(i, spec.Mounts![i]) is { } late)
            {
                _lateReadOnly.Add((late, spec.Mounts[i].Destination));
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

    /// <summary>
    /// Mounts of this namespace follow the host's, unless the root is to be private or shared. Shared, what is bound with
    /// "shared" stays a peer of the host's mount (Kubernetes calls it Bidirectional); then the mount that the root file
    /// system is on becomes private, or the root would appear on the host.
    /// </summary>
    private void DetachFromHost()
    {
        var propagation = SysMount.MS_SLAVE | SysMount.MS_REC;
        if (RootPropagation(out var flag, out var recursive))
        {
            propagation = flag switch
            {
                SysMount.MS_PRIVATE => SysMount.MS_PRIVATE | SysMount.MS_REC,
                SysMount.MS_SHARED => SysMount.MS_SHARED | (recursive ? SysMount.MS_REC : 0),
                _ => propagation, // unbindable comes last: the tree could not be built from such mounts
            };
        }
        SysMount.Mount(null, "/", null, propagation);
        if ((propagation & SysMount.MS_SHARED) == 0)
        {
            return;
        }
        for (var path = rootfs; ; path = Path.GetDirectoryName(path)!)
        {
            // EINVAL: no mount point, so the mount is further up.
            var errno = SysMount.TryMount(null, path, null, SysMount.MS_PRIVATE);
            if (errno == 0)
            {
                return;
            }
            if (errno != Errno.EINVAL || path == "/")
            {
                throw new LinuxException("mount MS_PRIVATE", path, errno);
            }
        }
    }

    /// <summary>The root file system as a mount of its own, at its path; at / when a user namespace's root cannot reach that.</summary>
    private FileDescriptor AttachRoot()
    {
        var tree = sources.Rootfs is { } opened
            ? Fcntl.Duplicate(opened.Number)
            : SysMount.CloneTree(Fcntl.AT_FDCWD, rootfs, recursive: true);
        SysMount.SetAttributes(tree.Number, 0, 0, SysMount.MS_PRIVATE, recursive: false, rootfs);
        var number = Fcntl.TryOpen(rootfs, Fcntl.O_PATH | Fcntl.O_DIRECTORY);
        var errno = System.Runtime.InteropServices.Marshal.GetLastPInvokeError();
        if (number < 0 && errno == Errno.EACCES && sources.Rootfs is not null)
        {
            number = Fcntl.TryOpen("/", Fcntl.O_PATH | Fcntl.O_DIRECTORY);
        }
        if (number < 0)
        {
            tree.Dispose();
            throw new LinuxException("open", rootfs, errno);
        }
        using var target = new FileDescriptor(number);
        SysMount.Attach(tree.Number, target.Number, rootfs);
        return tree;
    }

    private bool RootPropagation(out ulong flag, out bool recursive)
    {
        (flag, recursive) = (0, false);
        return spec.Linux?.RootfsPropagation is { Length: > 0 } text && MountOptions.TryPropagation(text, out flag, out recursive);
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

    /// <summary>
    /// Makes the tree the root; without pivot_root(2) (for a root that is an initramfs) by moving it over /. A namespace that
    /// was joined keeps its root for the others: there it is chroot(2).
    /// </summary>
    public void Enter(bool noPivot)
    {
        Unistd.ChangeDirectory(Root.Number);
        if (joined)
        {
            Unistd.ChangeRoot(".");
            Unistd.ChangeDirectory("/");
            return;
        }
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
        if (RootPropagation(out var flag, out var recursive))
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
