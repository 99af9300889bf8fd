using Gantry.Faults;
using Gantry.Linux;
using Gantry.Linux.Native;
using Gantry.Runtime.Launch;

namespace Gantry.Runtime.Rootfs;

/// <summary>
/// The container's root directory as a descriptor. Every path inside is looked up with RESOLVE_IN_ROOT, and what is opened
/// is used by its descriptor: a link that the image put there, or that somebody swaps in meanwhile, leads nowhere outside.
/// </summary>
internal sealed class RootTree(FileDescriptor root, string name) : IDisposable
{
    private const ulong Resolve = Fcntl.RESOLVE_IN_ROOT | Fcntl.RESOLVE_NO_MAGICLINKS;
    private const int MaxDepth = 256;

    private readonly List<(string Path, FileDescriptor Mount)> _kernelMounts = [];

    public int Number => root.Number;

    public void Dispose()
    {
        foreach (var (_, mount) in _kernelMounts)
        {
            mount.Dispose();
        }
        root.Dispose();
    }

    /// <summary>
    /// Keeps a mount of procfs or sysfs: existing paths below it are looked up from it, whatever somebody who shares the root
    /// puts in the place of its directory meanwhile (CVE-2019-19921).
    /// </summary>
    public void KeepKernelMount(string path, FileDescriptor mount) => _kernelMounts.Insert(0, (path.TrimEnd('/') + "/", mount));

    /// <summary>Opens an existing path (O_PATH); null when there is none.</summary>
    public FileDescriptor? TryOpen(string path)
    {
        var (start, rest) = (root.Number, path);
        foreach (var (prefix, mount) in _kernelMounts)
        {
            if (path.StartsWith(prefix, StringComparison.Ordinal))
            {
                (start, rest) = (mount.Number, path[prefix.Length..]);
                break;
            }
        }
        var errno = Fcntl.TryOpenAt(start, rest, Fcntl.O_PATH, Resolve, out var file);
        return errno switch
        {
            0 => file,
            Errno.ENOENT or Errno.ENOTDIR => null,
            _ => throw new LinuxException("openat2", Describe(path), errno),
        };
    }

    /// <summary>Opens a symbolic link itself, in a directory that is looked up as always; null when the path is no link.</summary>
    public FileDescriptor? TryOpenLink(string path)
    {
        const int flags = Fcntl.O_PATH;
        var errno = Fcntl.TryOpenAt(root.Number, path, flags | Fcntl.O_NOFOLLOW, Resolve, out var file);
        if (errno != 0 || (SysStat.Status(file!.Number).Mode & SysStat.S_IFMT) != SysStat.S_IFLNK)
        {
            file?.Dispose();
            return null;
        }
        return file;
    }

    public FileDescriptor Open(string path, int flags) => Fcntl.OpenAt(root.Number, path, flags, Resolve);

    /// <summary>True when something that is not a procfs is mounted on a path.</summary>
    public bool HasMountOtherThanProc(string path)
    {
        if (Fcntl.TryOpenAt(root.Number, path, Fcntl.O_PATH, Resolve | Fcntl.RESOLVE_NO_XDEV, out var plain) != Errno.EXDEV)
        {
            plain?.Dispose();
            return false;
        }
        using var mounted = TryOpen(path);
        return mounted is not null && !ProcFiles.Holds(mounted.Number, out _);
    }

    /// <summary>Opens a directory, making the parts of its path that are missing.</summary>
    public FileDescriptor OpenDirectory(string path, bool followLinks = true) =>
        OpenDirectory(path, followLinks ? Resolve : Resolve | Fcntl.RESOLVE_NO_SYMLINKS, 0);

    /// <summary>Opens a file, made when it is missing, by a path whose last part is no link.</summary>
    public FileDescriptor OpenPlainFile(string path)
    {
        var (parent, last) = Split(path);
        using var directory = OpenDirectory(parent);
        const ulong plain = Fcntl.RESOLVE_BENEATH | Fcntl.RESOLVE_NO_SYMLINKS;
        MakeFile(directory, last, path);
        return Fcntl.OpenAt(directory.Number, last, Fcntl.O_PATH, plain);
    }

    /// <summary>Opens a file, making it, empty, and its directories when they are missing.</summary>
    public FileDescriptor OpenFile(string path)
    {
        if (TryOpen(path) is { } existing)
        {
            return existing;
        }
        var (parent, last) = Split(path);
        using var directory = OpenDirectory(parent);
        MakeFile(directory, last, path);
        return Fcntl.OpenAt(root.Number, path, Fcntl.O_PATH, Resolve);
    }

    /// <summary>Makes an empty file unless there is something of that name, which is left alone: a pipe would block its opener.</summary>
    private void MakeFile(FileDescriptor directory, string name, string path)
    {
        var flags = Fcntl.O_CREAT | Fcntl.O_EXCL | Fcntl.O_NOFOLLOW | Fcntl.O_WRONLY;
        var errno = Fcntl.TryOpenAt(directory.Number, name, flags, Fcntl.RESOLVE_BENEATH, out var file, 0x1A4);
        file?.Dispose();
        if (errno is not (0 or Errno.EEXIST))
        {
            throw new LinuxException("openat2", Describe(path), errno);
        }
    }

    /// <summary>Splits a path into its directory and its last part.</summary>
    public static (string Parent, string Last) Split(string path)
    {
        var trimmed = path.TrimEnd('/');
        var slash = trimmed.LastIndexOf('/');
        return (slash <= 0 ? "/" : trimmed[..slash], trimmed[(slash + 1)..]);
    }

    private FileDescriptor OpenDirectory(string path, ulong resolve, int depth)
    {
        var errno = Fcntl.TryOpenAt(root.Number, path, Fcntl.O_PATH | Fcntl.O_DIRECTORY, resolve, out var directory);
        if (errno == 0)
        {
            return directory!;
        }
        if (errno != Errno.ENOENT || depth == MaxDepth)
        {
            throw new LinuxException("openat2", Describe(path), errno);
        }
        var (parent, last) = Split(path);
        if (last is "" or "." or "..")
        {
            throw new FaultException(FaultKind.InvalidArgument, $"{Describe(path)}: cannot be made, it ends in \"{last}\"");
        }
        using (var above = OpenDirectory(parent, resolve, depth + 1))
        {
            errno = SysStat.TryMakeDirectory(above.Number, last, 0x1ED);
            if (errno is not (0 or Errno.EEXIST))
            {
                throw new LinuxException("mkdirat", Describe(path), errno);
            }
        }
        errno = Fcntl.TryOpenAt(root.Number, path, Fcntl.O_PATH | Fcntl.O_DIRECTORY, resolve, out directory);
        return errno == 0 ? directory! : throw new LinuxException("openat2", Describe(path), errno);
    }

    private string Describe(string path) => $"{name}{(path.StartsWith('/') ? "" : "/")}{path}";
}
