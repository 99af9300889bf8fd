using Gantry.Faults;
using Gantry.Linux;
using Gantry.Linux.Native;
using Gantry.Oci.Runtime;
using Gantry.Runtime.Launch;

namespace Gantry.Runtime.Rootfs;

/// <summary>
/// Sources of mounts that the runtime opens before it clones the container's first process, which inherits them: those that
/// are id-mapped, since the map takes rights over the file system, and with a user namespace all that are bound, since the
/// container's root may not reach them.
/// </summary>
internal sealed class MountSources : IDisposable
{
    private readonly Dictionary<int, FileDescriptor> _trees = [];

    private MountSources()
    {
    }

    /// <summary>The root file system, where the container's root may not reach it; null elsewhere.</summary>
    public FileDescriptor? Rootfs { get; private set; }

    public static MountSources Open(RuntimeSpec spec, string rootfs, string bundle)
    {
        var result = new MountSources();
        try
        {
            result.OpenAll(spec, rootfs, bundle);
            return result;
        }
        catch
        {
            result.Dispose();
            throw;
        }
    }

    /// <summary>The opened source of the mount at an index, now the caller's; null when it was not opened.</summary>
    public FileDescriptor? Take(int index) => _trees.Remove(index, out var tree) ? tree : null;

    public void Dispose()
    {
        foreach (var tree in _trees.Values)
        {
            tree.Dispose();
        }
        Rootfs?.Dispose();
    }

    private void OpenAll(RuntimeSpec spec, string rootfs, string bundle)
    {
        var user = spec.Linux?.Namespaces?.Find(static item => item.Type == "user");
        var opensAll = user is not null && Cloning.IsPrivileged;
        if (opensAll)
        {
            Rootfs = TryClone(rootfs);
        }
        for (var i = 0; i < (spec.Mounts?.Count ?? 0); i++)
        {
            var mount = spec.Mounts![i];
            if (!opensAll && mount.UidMappings is null && mount.Options?.Exists(MountOptions.IsIdMap) != true)
            {
                continue;
            }
            var options = MountOptions.Parse(mount.Options);
            var isMapped = options.IsIdMapped || mount.UidMappings is { Count: > 0 };
            if ((options.IsBind || mount.Type == "bind") && !options.IsRemount && (opensAll || isMapped))
            {
                _trees[i] = Open(mount, options, isMapped, spec.Linux!, user, bundle);
            }
        }
    }

    private static FileDescriptor Open(
        MountSpec mount, MountOptions options, bool isMapped, LinuxSpec linux, NamespaceSpec? user, string bundle)
    {
        try
        {
            var tree = BindMounts.Clone(mount, options, bundle);
            Isolate(tree, mount.Destination);
            if (isMapped)
            {
                Map(tree, mount, options, linux, user);
            }
            return tree;
        }
        catch (FaultException e)
        {
            throw new FaultException(e.Kind, $"mount {mount.Destination} (bind from {mount.Source}): {e.Message}", e);
        }
    }

    private static void Map(FileDescriptor tree, MountSpec mount, MountOptions options, LinuxSpec linux, NamespaceSpec? user)
    {
        var own = mount.UidMappings is { Count: > 0 } ? (mount.UidMappings, mount.GidMappings!) : options.IdMap?.Resolve(linux);
        var (users, groups) = own ?? (linux.UidMappings ?? [], linux.GidMappings ?? []);
        using var space = own is null && user?.Path is { Length: > 0 } path
            ? Fcntl.Open(path, Fcntl.O_RDONLY)
            : UserNamespace.Make(users, groups);
        try
        {
            SysMount.SetAttributes(
                tree.Number, SysMount.MOUNT_ATTR_IDMAP, 0, 0, options.IdMapIsRecursive, mount.Destination, space.Number);
        }
        catch (LinuxException e) when (e.ErrorNumber is Errno.EINVAL or Errno.EPERM)
        {
            var reason = e.ErrorNumber == Errno.EINVAL
                ? "the source's file system must know id-mapped mounts, and not be mapped already"
                : "it takes root's rights over the source's file system";
            throw new FaultException(e.Kind, $"id map: {e.Message}; {reason}", e);
        }
    }

    /// <summary>A clone made here would still be a peer of the host's mount: what is mounted in it would appear on the host.</summary>
    private static void Isolate(FileDescriptor tree, string name) =>
        SysMount.SetAttributes(tree.Number, 0, 0, SysMount.MS_SLAVE, recursive: true, name);

    private static FileDescriptor? TryClone(string rootfs)
    {
        try
        {
            var tree = SysMount.CloneTree(Fcntl.AT_FDCWD, rootfs, recursive: true);
            Isolate(tree, rootfs);
            return tree;
        }
        catch (LinuxException)
        {
            // The container's first process tries again and says what is wrong.
            return null;
        }
    }
}
