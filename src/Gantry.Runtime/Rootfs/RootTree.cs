using Gantry.Faults;
using Gantry.Linux;
using Gantry.Linux.Native;

namespace Gantry.Runtime.Rootfs;

/// <summary>
/// The container's root directory as a descriptor. Every path inside is looked up with RESOLVE_IN_ROOT, and what is opened
/// is used by its descriptor: a link that the image put there, or that somebody swaps in meanwhile, leads nowhere outside.
/// </summary>
internal sealed class RootTree(FileDescriptor root, string name) : IDisposable
{
    private const ulong Resolve = Fcntl.RESOLVE_IN_ROOT | Fcntl.RESOLVE_NO_MAGICLINKS;
    private const int MaxDepth = 256;

    public int Number => root.Number;

    public void Dispose() => root.Dispose();

    /// <summary>Opens an existing path (O_PATH); null when there is none.</summary>
    public FileDescriptor? TryOpen(string path, bool followLinks = true)
    {
        var resolve = followLinks ? Resolve : Resolve | Fcntl.RESOLVE_NO_SYMLINKS;
        var errno = Fcntl.TryOpenAt(root.Number, path, Fcntl.O_PATH, resolve, out var file);
        return errno switch
        {
            0 => file,
            Errno.ENOENT or Errno.ENOTDIR => null,
            _ => throw new LinuxException("openat2", Describe(path), errno),
        };
    }

    public FileDescriptor Open(string path, int flags) => Fcntl.OpenAt(root.Number, path, flags, Resolve);

    /// <summary>Opens a directory, making the parts of its path that are missing.</summary>
    public FileDescriptor OpenDirectory(string path, uint mode = 0x1ED) => OpenDirectory(path, mode, 0);

    /// <summary>Opens a file, making it, empty, and its directories when they are missing.</summary>
    public FileDescriptor OpenFile(string path)
    {
        if (TryOpen(path) is { } existing)
        {
            return existing;
        }
        var (parent, last) = Split(path);
        using var directory = OpenDirectory(parent);
        using (Fcntl.OpenAt(
            directory.Number, last, Fcntl.O_CREAT | Fcntl.O_NOFOLLOW | Fcntl.O_WRONLY, Fcntl.RESOLVE_BENEATH, 0x1A4))
        {
            return Fcntl.OpenAt(root.Number, path, Fcntl.O_PATH, Resolve);
        }
    }

    /// <summary>Splits a path into its directory and its last part.</summary>
    public static (string Parent, string Last) Split(string path)
    {
        var trimmed = path.TrimEnd('/');
        var slash = trimmed.LastIndexOf('/');
        return (slash <= 0 ? "/" : trimmed[..slash], trimmed[(slash + 1)..]);
    }

    private FileDescriptor OpenDirectory(string path, uint mode, int depth)
    {
        var errno = Fcntl.TryOpenAt(root.Number, path, Fcntl.O_PATH | Fcntl.O_DIRECTORY, Resolve, out var directory);
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
        using (var above = OpenDirectory(parent, 0x1ED, depth + 1))
        {
            errno = SysStat.TryMakeDirectory(above.Number, last, mode);
            if (errno is not (0 or Errno.EEXIST))
            {
                throw new LinuxException("mkdirat", Describe(path), errno);
            }
        }
        errno = Fcntl.TryOpenAt(root.Number, path, Fcntl.O_PATH | Fcntl.O_DIRECTORY, Resolve, out directory);
        return errno == 0 ? directory! : throw new LinuxException("openat2", Describe(path), errno);
    }

    private string Describe(string path) => $"{name}{(path.StartsWith('/') ? "" : "/")}{path}";
}
