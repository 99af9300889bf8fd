using System.Runtime.InteropServices;

namespace Gantry.Linux.Native;

/// <summary>sys/stat.h, sys/statfs.h and their *at calls: nodes of the file system.</summary>
public static partial class SysStat
{
#pragma warning disable CS1591 // native names, documented in inode(7) and statfs(2)
    public const uint S_IFMT = 0xF000;
    public const uint S_IFIFO = 0x1000;
    public const uint S_IFCHR = 0x2000;
    public const uint S_IFDIR = 0x4000;
    public const uint S_IFBLK = 0x6000;
    public const uint S_IFREG = 0x8000;
    public const uint S_IFLNK = 0xA000;
    public const long PROC_SUPER_MAGIC = 0x9fa0;
    public const long CGROUP2_SUPER_MAGIC = 0x63677270;
    public const long TMPFS_MAGIC = 0x01021994;
    public const long SELINUX_MAGIC = 0xf97cff8c;

    internal const long ST_RDONLY = 1;
    private const uint STATX_BASIC_STATS = 0x7ff;
#pragma warning restore CS1591

    /// <summary>mknodat(2).</summary>
    public static void MakeNode(int directory, string name, uint mode, ulong device) =>
        LinuxException.Check(mknodat(directory, name, mode, device), "mknodat", name);

    /// <summary>mkdirat(2): 0, or the errno.</summary>
    public static int TryMakeDirectory(int directory, string name, uint mode) =>
        mkdirat(directory, name, mode) == 0 ? 0 : Marshal.GetLastPInvokeError();

    /// <summary>mkfifo(3).</summary>
    public static void MakeFifo(string path, uint mode) => LinuxException.Check(mkfifo(path, mode), "mkfifo", path);

    /// <summary>symlinkat(2): 0, or the errno.</summary>
    public static int TryMakeSymlink(string target, int directory, string name) =>
        symlinkat(target, directory, name) == 0 ? 0 : Marshal.GetLastPInvokeError();

    /// <summary>fchmodat(2), following no descriptor but the directory's.</summary>
    public static void ChangeMode(int directory, string name, uint mode) =>
        LinuxException.Check(fchmodat(directory, name, mode, 0), "fchmodat", name);

    /// <summary>fchownat(2) without following a link; an empty name is the descriptor itself.</summary>
    public static void ChangeOwner(int directory, string name, uint user, uint group)
    {
        var flags = name.Length == 0 ? Fcntl.AT_EMPTY_PATH : Fcntl.AT_SYMLINK_NOFOLLOW;
        LinuxException.Check(fchownat(directory, name, user, group, flags), "fchownat", name);
    }

    /// <summary>umask(2); returns the former mask.</summary>
    public static uint SetMask(uint mask) => umask(mask);

    /// <summary>statx(2): 0 and the status, or the errno. An empty path is the descriptor itself.</summary>
    public static int TryStatus(int directory, string path, bool follow, out FileStatus status)
    {
        var flags = (path.Length == 0 ? Fcntl.AT_EMPTY_PATH : 0) | (follow ? 0 : Fcntl.AT_SYMLINK_NOFOLLOW);
        return statx(directory, path, flags, STATX_BASIC_STATS, out status) == 0 ? 0 : Marshal.GetLastPInvokeError();
    }

    /// <summary>statx(2) of an open descriptor.</summary>
    public static FileStatus Status(int descriptor)
    {
        var errno = TryStatus(descriptor, "", true, out var status);
        return errno == 0 ? status : throw new LinuxException("statx", null, errno);
    }

    /// <summary>fstatfs(2): the file system's magic number.</summary>
    public static long FileSystemType(int descriptor)
    {
        LinuxException.Check(fstatfs(descriptor, out var buffer), "fstatfs");
        return buffer.Type;
    }

    /// <summary>statfs(2): true when the path's mount is read-only.</summary>
    public static bool IsReadOnlyMount(string path) => statfs(path, out var buffer) == 0 && (buffer.Flags & ST_RDONLY) != 0;

    /// <summary>statfs(2): the file system's magic number, or 0 when there is no such path.</summary>
    public static long FileSystemType(string path) => statfs(path, out var buffer) == 0 ? buffer.Type : 0;

    /// <summary>makedev(3).</summary>
    public static ulong Device(uint major, uint minor) =>
        ((ulong)(major & 0xfffff000) << 32) | ((ulong)(major & 0xfff) << 8) | ((ulong)(minor & 0xffffff00) << 12)
        | (minor & 0xff);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int mknodat(int directory, string name, uint mode, ulong device);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int mkdirat(int directory, string name, uint mode);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int mkfifo(string path, uint mode);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int symlinkat(string target, int directory, string name);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int fchmodat(int directory, string name, uint mode, int flags);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int fchownat(int directory, string name, uint user, uint group, int flags);

    [LibraryImport("libc")]
    private static partial uint umask(uint mask);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int statx(int directory, string path, int flags, uint mask, out FileStatus status);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int fstatfs(int fd, out FileSystemStatus buffer);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int statfs(string path, out FileSystemStatus buffer);

    [StructLayout(LayoutKind.Explicit, Size = 120)]
    internal struct FileSystemStatus
    {
        [FieldOffset(0)]
        public long Type;

        [FieldOffset(80)]
        public long Flags;
    }
}
