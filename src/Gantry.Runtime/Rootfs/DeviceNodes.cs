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
                TryMakeNode(root, dev.Number, path[5..], path, SysStat.S_IFCHR | 0x1B6, (major, minor));
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
        var number = device.Type == "p" ? (0U, 0U) : ((uint)device.Major, (uint)device.Minor);
        if (!TryMakeNode(root, directory.Number, name, device.Path, mode, number))
        {
            return; // the host's own is bound, with the host's owner and mode
        }
        // By descriptor: the name could be another file's by now.
        using var node = Fcntl.OpenAt(
            directory.Number, name, Fcntl.O_PATH | Fcntl.O_NOFOLLOW, Fcntl.RESOLVE_BENEATH | Fcntl.RESOLVE_NO_SYMLINKS);
        SysStat.ChangeOwner(node.Number, "", device.Uid ?? 0, device.Gid ?? 0);
        SysStat.ChangeMode(Fcntl.AT_FDCWD, $"/proc/self/fd/{node.Number}", mode & 0xfff);
    }

    /// <summary>True when the node is there; false when the host's is bound in its place, as in a user namespace.</summary>
    private static bool TryMakeNode(
        RootTree root, int directory, string name, string path, uint mode, (uint Major, uint Minor) number)
    {
        try
        {
            SysStat.MakeNode(directory, name, mode, SysStat.Device(number.Major, number.Minor));
            return true;
        }
        catch (LinuxException e) when (e.ErrorNumber == Errno.EPERM)
        {
            BindHostNode(root, path, mode, number);
            return false;
        }
        catch (LinuxException e) when (e.ErrorNumber == Errno.EEXIST)
        {
            var known = SysStat.TryStatus(directory, name, false, out var status) == 0 && IsNode(status, mode, number);
            return known
                ? true
                : throw new FaultException(
                    FaultKind.Conflict, $"device {path}: another file is there; remove it from the root or name another path", e);
        }
    }

    private static void BindHostNode(RootTree root, string path, uint mode, (uint Major, uint Minor) number)
    {
        using var tree = SysMount.CloneTree(Fcntl.AT_FDCWD, path, recursive: false);
        if (!IsNode(SysStat.Status(tree.Number), mode, number))
        {
            throw new FaultException(
                FaultKind.FailedPrecondition,
                $"device {path}: a user namespace cannot make it, and the host's {path} is another one; use the host's path of it");
        }
        using var target = root.OpenFile(path);
        SysMount.Attach(tree.Number, target.Number, path);
    }

    private static bool IsNode(FileStatus status, uint mode, (uint Major, uint Minor) number) =>
        (status.Mode & SysStat.S_IFMT) == (mode & SysStat.S_IFMT)
        && ((mode & SysStat.S_IFMT) == SysStat.S_IFIFO || (status.DeviceMajor, status.DeviceMinor) == number);
}
