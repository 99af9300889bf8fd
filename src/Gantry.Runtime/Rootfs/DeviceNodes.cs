using Gantry.Faults;
using Gantry.Linux;
using Gantry.Linux.Native;
using Gantry.Oci.Runtime;

namespace Gantry.Runtime.Rootfs;

/// <summary>Device nodes and the links of /dev (config-linux.md, "Default Devices").</summary>
internal static class DeviceNodes
{
    private static readonly (string Path, uint Major, uint Minor)[] Defaults =
    [
        ("/dev/null", 1, 3), ("/dev/zero", 1, 5), ("/dev/full", 1, 7), ("/dev/random", 1, 8), ("/dev/urandom", 1, 9),
        ("/dev/tty", 5, 0),
    ];

    private static readonly (string Name, string Target)[] Links =
    [
        ("fd", "/proc/self/fd"), ("stdin", "/proc/self/fd/0"), ("stdout", "/proc/self/fd/1"), ("stderr", "/proc/self/fd/2"),
        ("ptmx", "pts/ptmx"),
    ];

    public static void Make(RootTree root, List<DeviceSpec> devices)
    {
        using var dev = root.OpenDirectory("/dev");
        foreach (var (path, major, minor) in Defaults)
        {
            if (!devices.Any(device => device.Path == path))
            {
                MakeNode(root, dev.Number, path[5..], path, SysStat.S_IFCHR | 0x1B6, major, minor);
            }
        }
        foreach (var device in devices)
        {
            Make(root, device);
        }
        foreach (var (name, target) in Links)
        {
            // What the image or a mount has put there stays.
            var errno = SysStat.TryMakeSymlink(target, dev.Number, name);
            if (errno is not (0 or Errno.EEXIST))
            {
                throw new LinuxException("symlinkat", $"/dev/{name}", errno);
            }
        }
    }

    private static void Make(RootTree root, DeviceSpec device)
    {
        var type = device.Type switch
        {
            "b" => SysStat.S_IFBLK,
            "p" => SysStat.S_IFIFO,
            _ => SysStat.S_IFCHR,
        };
        var (parent, name) = RootTree.Split(device.Path);
        if (name is "" or "." or "..")
        {
            throw new FaultException(FaultKind.InvalidArgument, $"device {device.Path}: the path names no file");
        }
        using var directory = root.OpenDirectory(parent);
        var mode = type | (device.FileMode & 0xfff ?? 0x1B6);
        MakeNode(root, directory.Number, name, device.Path, mode, (uint)device.Major, (uint)device.Minor);
        if (device.Uid is not null || device.Gid is not null)
        {
            SysStat.ChangeOwner(directory.Number, name, device.Uid ?? 0, device.Gid ?? 0);
        }
    }

    private static void MakeNode(RootTree root, int directory, string name, string path, uint mode, uint major, uint minor)
    {
        try
        {
            SysStat.MakeNode(directory, name, mode, SysStat.Device(major, minor));
        }
        catch (LinuxException e) when (e.ErrorNumber == Errno.EPERM)
        {
            // In a user namespace nodes cannot be made: the host's is bound.
            using var tree = SysMount.CloneTree(Fcntl.AT_FDCWD, path, recursive: false);
            using var target = root.OpenFile(path);
            SysMount.Attach(tree.Number, target.Number, path);
        }
        catch (LinuxException e) when (e.ErrorNumber == Errno.EEXIST)
        {
            var known = SysStat.TryStatus(directory, name, false, out var status) == 0
                && (status.Mode & SysStat.S_IFMT) == (mode & SysStat.S_IFMT)
                && (status.DeviceMajor, status.DeviceMinor) == (major, minor);
            if (!known)
            {
                throw new FaultException(FaultKind.Conflict, $"device {path}: another file is there", e);
            }
        }
    }
}
