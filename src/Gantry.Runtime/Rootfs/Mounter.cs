using Gantry.Faults;
using Gantry.Linux;
using Gantry.Linux.Native;
using Gantry.Oci.Runtime;
using Gantry.Runtime.Launch;

namespace Gantry.Runtime.Rootfs;

/// <summary>Makes single mounts in the container's tree: detached first, then attached to an opened target.</summary>
internal sealed class Mounter(RootTree root, string bundle, string cgroupPath, LinuxSpec linux, MountSources sources)
{
    /// <summary>Longest value that fsconfig(2) takes.</summary>
    private const int MaxOptionValue = 255;

    private readonly CgroupMounts _cgroups = new(root, cgroupPath, linux);
    private readonly BindMounts _binds = new(root, bundle);
    private readonly string? _label =
        linux.MountLabel is { Length: > 0 } label && SecurityLabel.HasSelinux ? $"context=\"{label}\"" : null;

    /// <summary>
    /// Makes one mount. Returns the mount when it is to become read-only later (a read-only /dev needs its nodes first),
    /// else null; the caller disposes it.
    /// </summary>
    public FileDescriptor? Mount(int index, MountSpec mount)
    {
        var options = MountOptions.Parse(mount.Options);
        try
        {
            if (options.IsRemount)
            {
                Remount(mount, options);
            }
            else if (options.IsBind || mount.Type == "bind")
            {
                _binds.Mount(mount, options, sources.Take(index));
            }
            else if (mount.Type is "cgroup" or "cgroup2")
            {
                _cgroups.Mount(mount, options);
            }
            else
            {
                return MountNew(mount, options);
            }
            return null;
        }
        catch (FaultException e)
        {
            var source = mount.Source is { Length: > 0 } text ? $" from {text}" : "";
            throw new FaultException(e.Kind, $"mount {mount.Destination} ({mount.Type ?? "bind"}{source}): {e.Message}", e);
        }
    }

    /// <summary>Sets propagation, one kind after the other.</summary>
    public static void Propagate(FileDescriptor tree, MountOptions options, string name)
    {
        foreach (var (flag, recursive) in options.Propagation)
        {
            SysMount.SetAttributes(tree.Number, 0, 0, flag, recursive, name);
        }
    }

    private FileDescriptor? MountNew(MountSpec mount, MountOptions options)
    {
        var type = mount.Type!;
        var kernel = type is "proc" or "sysfs";
        var isDev = mount.Destination.TrimEnd('/') == "/dev";
        var late = (isDev || options.CopiesUp) && (options.Set & SysMount.MOUNT_ATTR_RDONLY) != 0;
        var attributes = late ? options.Set & ~SysMount.MOUNT_ATTR_RDONLY : options.Set;
        if (MakeTree(mount, options, attributes, late) is not { } tree)
        {
            MountByPath(mount, options);
            return null;
        }
        using (var target = OpenNewTarget(mount.Destination, type, followLinks: !kernel))
        {
            ProcTargets.Check(target.Number, tree.Number);
            if (options.CopiesUp)
            {
                TreeCopy.Copy(target, tree);
            }
            if (late && !isDev)
            {
                SysMount.SetAttributes(tree.Number, SysMount.MOUNT_ATTR_RDONLY, 0, 0, recursive: false, mount.Destination);
            }
            SysMount.Attach(tree.Number, target.Number, mount.Destination);
            Propagate(tree, options, mount.Destination);
        }
        if (late && isDev)
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
            throw new FaultException(
                FaultKind.InvalidArgument, $"{type} must be mounted on a directory, not through a link; remove the link", e);
        }
    }

    /// <summary>The detached mount; null when an option is too long for fsconfig(2), as overlayfs' lowerdir may be.</summary>
    private FileDescriptor? MakeTree(MountSpec mount, MountOptions options, ulong attributes, bool late)
    {
        var type = mount.Type!;
        List<string> data = [.. options.Superblock, .. options.Data];
        if (type is not ("proc" or "sysfs") && data.Any(static option => option.Length > MaxOptionValue))
        {
            return null;
        }
        if ((options.Set & SysMount.MOUNT_ATTR_RDONLY) != 0 && !late && type is not ("proc" or "sysfs" or "mqueue" or "devpts"))
        {
            data.Add("ro"); // the file system too: a read-only block device cannot be mounted otherwise
        }
        if (type == "tmpfs")
        {
            AddDefaultMode(mount, data);
        }
        if (_label is not null && type is not ("proc" or "sysfs"))
        {
            data.Add(_label);
        }
        var source = mount.Source is { Length: > 0 } given ? given : type;
        try
        {
            return SysMount.NewMount(type, source, data, attributes);
        }
        catch (LinuxException e) when (type == "devpts" && e.ErrorNumber == Errno.EINVAL && !UserNamespace.IsHostRoot())
        {
            // The group that gets the terminals does not exist in the user namespace.
            data.RemoveAll(static option => option.StartsWith("gid=", StringComparison.Ordinal));
            return SysMount.NewMount(type, source, data, attributes);
        }
        catch (LinuxException e) when (e.ErrorNumber == Errno.EPERM && HostMountOf(type) is { } host)
        {
            // A user namespace that does not own what the file system shows (the host's network, IPC or processes) may not
            // make one; the host's own is bound, as the other runtimes do.
            var tree = SysMount.CloneTree(Fcntl.AT_FDCWD, host, recursive: true);
            SysMount.SetAttributes(tree.Number, 0, 0, SysMount.MS_SLAVE, recursive: true, host);
            SysMount.SetAttributes(tree.Number, attributes, 0, 0, recursive: true, host);
            return tree;
        }
    }

    private static string? HostMountOf(string type) => type switch
    {
        "sysfs" => "/sys",
        "mqueue" => "/dev/mqueue",
        "proc" => "/proc",
        _ => null,
    };

    /// <summary>A tmpfs takes the mode of the directory that it hides, unless options say otherwise.</summary>
    private void AddDefaultMode(MountSpec mount, List<string> data)
    {
        if (data.Any(static option => option.StartsWith("mode=", StringComparison.Ordinal)))
        {
            return;
        }
        using var hidden = root.TryOpen(mount.Destination);
        if (hidden is not null)
        {
            data.Add("mode=" + Convert.ToString(SysStat.Status(hidden.Number).Mode & 0xfff, 8));
        }
    }

    /// <summary>mount(2) on the opened target, by its link in /proc.</summary>
    private void MountByPath(MountSpec mount, MountOptions options)
    {
        using (var target = root.OpenDirectory(mount.Destination))
        {
            if (ProcFiles.Holds(target.Number, out _))
            {
                throw new FaultException(FaultKind.PermissionDenied, "only a procfs can be mounted on a procfs");
            }
            var data = string.Join(',', options.Data);
            SysMount.Mount(
                mount.Source ?? mount.Type, $"/proc/self/fd/{target.Number}", mount.Type, SysMount.FlagsOf(options.Set), data);
        }
        using var made = root.OpenDirectory(mount.Destination);
        Propagate(made, options, mount.Destination);
    }

    private void Remount(MountSpec mount, MountOptions options)
    {
        using var target = root.TryOpen(mount.Destination)
            ?? throw new FaultException(FaultKind.NotFound, "remount: there is no such path");
        BindMounts.SetAttributes(target, options, mount.Destination);
        Propagate(target, options, mount.Destination);
    }
}
