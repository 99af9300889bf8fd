using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;
using Gantry.Faults;
using Microsoft.Win32.SafeHandles;

namespace Gantry.Linux.Trees;

/// <summary>
/// A directory as the root of a file tree. Every path is relative to it, is resolved by the kernel (openat2(2)) and cannot
/// leave it; the last component is never followed unless a member says so. <c>""</c> and <c>"."</c> are the root itself.
/// Failures are <see cref="FaultException"/> with the call, the path and the errno. Not safe against being disposed while
/// used; otherwise safe for concurrent use.
/// </summary>
public sealed partial class Tree : IDisposable
{
    private readonly SafeFileHandle _root;
    private readonly TreeResolve _resolve;

    private Tree(SafeFileHandle root, TreeResolve resolve)
    {
        _root = root;
        _resolve = resolve;
    }

    /// <summary>Opens an existing directory of the host; the path itself may go through symbolic links.</summary>
    public static Tree Open(string directory, TreeResolve resolve = TreeResolve.Beneath)
    {
        var fd = TreeNative.Open(directory, TreeNative.OPath | TreeNative.ODirectory | TreeNative.OCloseOnExec, 0);
        return fd < 0
            ? throw TreeErrors.Last("open", directory)
            : new Tree(new SafeFileHandle(fd, ownsHandle: true), resolve);
    }

    /// <summary>A directory of this tree as a tree of its own; the last component is followed by this tree's rule.</summary>
    public Tree OpenTree(string path)
    {
        var fd = OpenRaw(path.Length == 0 ? "." : path, TreeNative.OPath | TreeNative.ODirectory, 0);
        return fd < 0 ? throw TreeErrors.Last("openat2", path) : new Tree(new SafeFileHandle(fd, ownsHandle: true), _resolve);
    }

    /// <summary>A directory of this tree that is not a symbolic link, or null when it is anything else or missing.</summary>
    public Tree? TryOpenChild(string path)
    {
        var fd = OpenRaw(path, TreeNative.OPath | TreeNative.ODirectory | TreeNative.ONoFollow, 0);
        if (fd < 0)
        {
            return Marshal.GetLastPInvokeError() is TreeErrors.NoEntry or TreeErrors.NotDirectory or TreeErrors.Loop
                ? null
                : throw TreeErrors.Last("openat2", path);
        }
        return new Tree(new SafeFileHandle(fd, ownsHandle: true), _resolve);
    }

    /// <inheritdoc/>
    public void Dispose() => _root.Dispose();

    /// <summary>The names in the root directory, in ordinal order. Names that are not UTF-8 are escaped (<see cref="PathText"/>).</summary>
    public IReadOnlyList<string> Names()
    {
        using var handle = new SafeFileHandle(OpenRaw(".", TreeNative.ODirectory, 0), ownsHandle: true);
        if (handle.IsInvalid)
        {
            throw TreeErrors.Last("openat2", ".");
        }
        var names = new List<string>();
        var buffer = new byte[16 * 1024];
        while (true)
        {
            var length = (int)TreeNative.GetDirectoryEntries(handle, buffer);
            if (length <= 0)
            {
                names.Sort(StringComparer.Ordinal);
                return length == 0 ? names : throw TreeErrors.Last("getdents64", ".");
            }
            AddNames(buffer.AsSpan(0, length), names);
        }
    }

    /// <summary>The file's metadata without following a last symbolic link, or null when there is none.</summary>
    public TreeStat? TryStat(string path)
    {
        if (IsRoot(path))
        {
            return TreeNative.Stat(_root, "", TreeNative.AtEmptyPath, out var root) < 0 ? throw TreeErrors.Last("statx", path) : root;
        }
        using var parent = TryParent(path, out var name);
        if (parent is null)
        {
            return null;
        }
        if (TreeNative.Stat(parent.Handle, name, TreeNative.AtSymlinkNoFollow, out var stat) == 0)
        {
            return stat;
        }
        return Marshal.GetLastPInvokeError() is TreeErrors.NoEntry or TreeErrors.NotDirectory
            ? null
            : throw TreeErrors.Last("statx", path);
    }

    /// <summary>The file's metadata without following a last symbolic link; <c>NotFound</c> when there is none.</summary>
    public TreeStat Stat(string path) => TryStat(path) ?? throw TreeErrors.Of(TreeErrors.NoEntry, "statx", path);

    /// <summary>The metadata of what a path leads to, symbolic links followed inside the root; null when there is none.</summary>
    public TreeStat? TryStatFollowed(string path)
    {
        var fd = OpenRaw(IsRoot(path) ? "." : path, TreeNative.OPath, 0);
        if (fd < 0)
        {
            return Marshal.GetLastPInvokeError() is TreeErrors.NoEntry or TreeErrors.NotDirectory ? null : throw TreeErrors.Last("openat2", path);
        }
        using var handle = new SafeFileHandle(fd, ownsHandle: true);
        return TreeNative.Stat(handle, "", TreeNative.AtEmptyPath, out var stat) < 0 ? throw TreeErrors.Last("statx", path) : stat;
    }

    /// <summary>
    /// Where a path of the tree is on the host, symbolic links followed inside the root; <c>NotFound</c> when it is not there. For
    /// mounting, by whoever knows that nobody changes the tree meanwhile.
    /// </summary>
    public string ResolveHostPath(string path)
    {
        var fd = OpenRaw(IsRoot(path) ? "." : path, TreeNative.OPath, 0);
        if (fd < 0)
        {
            throw TreeErrors.Last("openat2", path);
        }
        using var handle = new SafeFileHandle(fd, ownsHandle: true);
        return File.ResolveLinkTarget(Magic(handle), returnFinalTarget: false)?.FullName
            ?? throw TreeErrors.Of(TreeErrors.NoEntry, "readlink", path);
    }

    /// <summary>Opens an existing regular file for reading; a last symbolic link is refused unless <paramref name="follow"/>.</summary>
    public FileStream OpenRead(string path, bool follow = false)
    {
        // O_NONBLOCK: opening a FIFO that nobody writes must not hang.
        var flags = TreeNative.ONonBlock | (follow ? 0 : TreeNative.ONoFollow);
        var fd = OpenRaw(path, flags, 0);
        return fd < 0
            ? throw TreeErrors.Last("openat2", path)
            : new FileStream(new SafeFileHandle(fd, ownsHandle: true), FileAccess.Read, bufferSize: 0);
    }

    /// <summary>The target of a symbolic link.</summary>
    public string ReadLink(string path)
    {
        using var parent = Parent(path, out var name);
        Span<byte> buffer = stackalloc byte[4096];
        var length = TreeNative.ReadLink(parent.Handle, name, buffer);
        return length < 0 ? throw TreeErrors.Last("readlinkat", path) : PathText.Decode(buffer[..(int)length]);
    }

    /// <summary>Waits until everything written to the tree's file system is on the disk.</summary>
    public void Sync()
    {
        using var handle = new SafeFileHandle(OpenRaw(".", TreeNative.ODirectory, 0), ownsHandle: true);
        if (handle.IsInvalid || TreeNative.SyncFs(handle) < 0)
        {
            throw TreeErrors.Last("syncfs", ".");
        }
    }

    /// <summary>The extended attributes' names; none where the file system has none.</summary>
    public IReadOnlyList<string> ListXattrs(string path)
    {
        using var parent = Parent(path, out var name);
        var magic = Magic(parent.Handle, name);
        var buffer = new byte[1024];
        while (true)
        {
            var length = TreeNative.ListXattr(magic, buffer);
            if (length >= 0)
            {
                return length == 0 ? [] : Encoding.UTF8.GetString(buffer, 0, (int)length - 1).Split('\0');
            }
            switch (Marshal.GetLastPInvokeError())
            {
                case TreeErrors.Range when buffer.Length < 1 << 16:
                    buffer = new byte[1 << 16];
                    break;
                case TreeErrors.NotSupported:
                    return [];
                default:
                    throw TreeErrors.Last("llistxattr", path);
            }
        }
    }

    /// <summary>An extended attribute, or null.</summary>
    public byte[]? TryGetXattr(string path, string attribute)
    {
        using var parent = Parent(path, out var name);
        var magic = Magic(parent.Handle, name);
        Span<byte> small = stackalloc byte[256];
        var length = TreeNative.GetXattr(magic, attribute, small);
        if (length >= 0)
        {
            return small[..(int)length].ToArray();
        }
        switch (Marshal.GetLastPInvokeError())
        {
            case TreeErrors.NoData or TreeErrors.NotSupported:
                return null;
            case TreeErrors.Range:
                var large = new byte[1 << 16]; // XATTR_SIZE_MAX
                length = TreeNative.GetXattr(magic, attribute, large);
                return length < 0 ? throw TreeErrors.Last("lgetxattr", path) : large[..(int)length];
            default:
                throw TreeErrors.Last("lgetxattr", path);
        }
    }

    // struct linux_dirent64 (getdents(2)): inode and offset of 8 bytes each, length of 2, type of 1, then the name.
    private static void AddNames(ReadOnlySpan<byte> entries, List<string> names)
    {
        while (!entries.IsEmpty)
        {
            var size = BinaryPrimitives.ReadUInt16LittleEndian(entries[16..]);
            var name = entries[19..size];
            name = name[..name.IndexOf((byte)0)];
            if (!name.SequenceEqual("."u8) && !name.SequenceEqual(".."u8))
            {
                names.Add(PathText.Decode(name));
            }
            entries = entries[size..];
        }
    }

    private static bool IsRoot(string path) => path.Length == 0 || path == ".";

    private static string Magic(SafeFileHandle handle, string? name = null) =>
        name is null ? $"/proc/self/fd/{handle.DangerousGetHandle()}" : $"/proc/self/fd/{handle.DangerousGetHandle()}/{name}";

    private int OpenRaw(string path, int flags, uint mode) => TreeNative.OpenAt2(
        _root, path, flags | TreeNative.OCloseOnExec, mode,
        TreeNative.ResolveNoMagicLinks | (_resolve == TreeResolve.Beneath ? TreeNative.ResolveBeneath : TreeNative.ResolveInRoot));

    private ParentHandle Parent(string path, out string name) =>
        TryParent(path, out name) ?? throw TreeErrors.Last("openat2", path);

    // Null when a directory of the path is missing; a path that leaves the root throws.
    private ParentHandle? TryParent(string path, out string name)
    {
        if (IsRoot(path))
        {
            name = ".";
            return new ParentHandle(_root, owned: false);
        }
        var trimmed = path.TrimEnd('/');
        var slash = trimmed.LastIndexOf('/');
        name = trimmed[(slash + 1)..];
        if (name is ".." or "")
        {
            throw new FaultException(FaultKind.InvalidArgument, $"{path}: the path leaves its root, by \"..\" or through a symbolic link");
        }
        if (slash < 0)
        {
            return new ParentHandle(_root, owned: false);
        }
        var fd = OpenRaw(slash == 0 ? "." : trimmed[..slash], TreeNative.OPath | TreeNative.ODirectory, 0);
        if (fd >= 0)
        {
            return new ParentHandle(new SafeFileHandle(fd, ownsHandle: true), owned: true);
        }
        return Marshal.GetLastPInvokeError() is TreeErrors.NoEntry or TreeErrors.NotDirectory
            ? null
            : throw TreeErrors.Last("openat2", path);
    }

    private sealed class ParentHandle(SafeFileHandle handle, bool owned) : IDisposable
    {
        public SafeFileHandle Handle => handle;

        public void Dispose()
        {
            if (owned)
            {
                handle.Dispose();
            }
        }
    }
}
