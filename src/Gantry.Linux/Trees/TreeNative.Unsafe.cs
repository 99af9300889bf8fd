using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Gantry.Linux.Trees;

/// <summary>The system calls of a file tree that is reached by descriptors. Each returns -1 and sets errno on failure.</summary>
internal static unsafe partial class TreeNative
{
    public const int AtFdCwd = -100;
    public const int AtSymlinkNoFollow = 0x100;
    public const int AtEmptyPath = 0x1000;
    public const int AtRemoveDir = 0x200;
    public const int OWriteOnly = 1;
    public const int OCreate = 0x40;
    public const int OExclusive = 0x80;
    public const int OTruncate = 0x200;
    public const int ONonBlock = 0x800;
    public const int OCloseOnExec = 0x80000;
    public const int OPath = 0x200000;
    public const ulong ResolveNoMagicLinks = 0x02;
    public const ulong ResolveBeneath = 0x08;
    public const ulong ResolveInRoot = 0x10;
    public const int CloneFs = 0x200;
    // openat2(2) and statx(2): the number of openat2 is the same on every architecture.
    private const long SysOpenAt2 = 437;
    private const uint StatxBasicStats = 0x7ff;

    // asm/fcntl.h: arm and arm64 differ from the generic values.
    public static int ODirectory { get; } = IsArm ? 0x4000 : 0x10000;

    public static int ONoFollow { get; } = IsArm ? 0x8000 : 0x20000;

    private static bool IsArm => RuntimeInformation.OSArchitecture is Architecture.Arm64 or Architecture.Arm;

    public static int OpenAt2(SafeFileHandle directory, string path, int flags, uint mode, ulong resolve)
    {
        OpenHow how = new() { Flags = (ulong)(uint)flags, Mode = mode, Resolve = resolve };
        return (int)SyscallOpenAt2(SysOpenAt2, directory, path, &how, (nuint)sizeof(OpenHow));
    }

    public static int Stat(SafeFileHandle directory, string path, int flags, out TreeStat stat)
    {
        Statx raw = default;
        var result = StatxAt(directory, path, flags, StatxBasicStats, &raw);
        stat = result < 0 ? default : new TreeStat(
            raw.Mode, raw.Uid, raw.Gid, (long)raw.Size, (long)raw.Blocks * 512,
            new TreeTime(raw.ModifySeconds, raw.ModifyNanoseconds), raw.Links, raw.Inode,
            new TreeDevice(raw.RdevMajor, raw.RdevMinor), new TreeDevice(raw.DevMajor, raw.DevMinor));
        return result;
    }

    public static int SetTime(SafeFileHandle directory, string path, TreeTime time)
    {
        var times = stackalloc long[4];
        (times[0], times[1]) = (time.Seconds, time.Nanoseconds);
        (times[2], times[3]) = (time.Seconds, time.Nanoseconds);
        return UtimensAt(directory, path, times, AtSymlinkNoFollow);
    }

    public static nint ReadLink(SafeFileHandle directory, string path, Span<byte> buffer)
    {
        fixed (byte* pointer = buffer)
        {
            return ReadLinkAt(directory, path, pointer, (nuint)buffer.Length);
        }
    }

    public static int SetXattr(string path, string name, ReadOnlySpan<byte> value)
    {
        fixed (byte* pointer = value)
        {
            return LSetXattr(path, name, pointer, (nuint)value.Length, 0);
        }
    }

    public static nint GetXattr(string path, string name, Span<byte> value)
    {
        fixed (byte* pointer = value)
        {
            return LGetXattr(path, name, pointer, (nuint)value.Length);
        }
    }

    public static nint ListXattr(string path, Span<byte> list)
    {
        fixed (byte* pointer = list)
        {
            return LListXattr(path, pointer, (nuint)list.Length);
        }
    }

    public static ulong MakeDevice(TreeDevice device) =>
        ((ulong)(device.Major & 0xfffff000) << 32) | ((ulong)(device.Major & 0xfff) << 8)
        | ((ulong)(device.Minor & 0xffffff00) << 12) | (device.Minor & 0xff);

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Custom, StringMarshallingCustomType = typeof(PathMarshaller))]
    public static partial int Open(string path, int flags, uint mode);

    [LibraryImport("libc", EntryPoint = "mkdirat", SetLastError = true, StringMarshalling = StringMarshalling.Custom, StringMarshallingCustomType = typeof(PathMarshaller))]
    public static partial int MkdirAt(SafeFileHandle directory, string path, uint mode);

    [LibraryImport("libc", EntryPoint = "mknodat", SetLastError = true, StringMarshalling = StringMarshalling.Custom, StringMarshallingCustomType = typeof(PathMarshaller))]
    public static partial int MknodAt(SafeFileHandle directory, string path, uint mode, ulong device);

    [LibraryImport("libc", EntryPoint = "symlinkat", SetLastError = true, StringMarshalling = StringMarshalling.Custom, StringMarshallingCustomType = typeof(PathMarshaller))]
    public static partial int SymlinkAt(string target, SafeFileHandle directory, string path);

    [LibraryImport("libc", EntryPoint = "linkat", SetLastError = true, StringMarshalling = StringMarshalling.Custom, StringMarshallingCustomType = typeof(PathMarshaller))]
    public static partial int LinkAt(SafeFileHandle oldDirectory, string oldPath, SafeFileHandle newDirectory, string newPath, int flags);

    [LibraryImport("libc", EntryPoint = "unlinkat", SetLastError = true, StringMarshalling = StringMarshalling.Custom, StringMarshallingCustomType = typeof(PathMarshaller))]
    public static partial int UnlinkAt(SafeFileHandle directory, string path, int flags);

    [LibraryImport("libc", EntryPoint = "renameat", SetLastError = true, StringMarshalling = StringMarshalling.Custom, StringMarshallingCustomType = typeof(PathMarshaller))]
    public static partial int RenameAt(SafeFileHandle oldDirectory, string oldPath, SafeFileHandle newDirectory, string newPath);

    [LibraryImport("libc", EntryPoint = "fchownat", SetLastError = true, StringMarshalling = StringMarshalling.Custom, StringMarshallingCustomType = typeof(PathMarshaller))]
    public static partial int ChownAt(SafeFileHandle directory, string path, uint uid, uint gid, int flags);

    [LibraryImport("libc", EntryPoint = "fchmodat", SetLastError = true, StringMarshalling = StringMarshalling.Custom, StringMarshallingCustomType = typeof(PathMarshaller))]
    public static partial int ChmodAt(SafeFileHandle directory, string path, uint mode, int flags);

    [LibraryImport("libc", EntryPoint = "syncfs", SetLastError = true)]
    public static partial int SyncFs(SafeFileHandle handle);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    public static partial int FSync(SafeFileHandle handle);

    [LibraryImport("libc", EntryPoint = "mount", SetLastError = true, StringMarshalling = StringMarshalling.Custom, StringMarshallingCustomType = typeof(PathMarshaller))]
    public static partial int Mount(string source, string target, string type, ulong flags, string data);

    [LibraryImport("libc", EntryPoint = "umount2", SetLastError = true, StringMarshalling = StringMarshalling.Custom, StringMarshallingCustomType = typeof(PathMarshaller))]
    public static partial int Unmount(string target, int flags);

    [LibraryImport("libc", EntryPoint = "unshare", SetLastError = true)]
    public static partial int Unshare(int flags);

    [LibraryImport("libc", EntryPoint = "chdir", SetLastError = true, StringMarshalling = StringMarshalling.Custom, StringMarshallingCustomType = typeof(PathMarshaller))]
    public static partial int ChangeDirectory(string path);

    /// <summary>Reads directory entries; zero bytes at the end.</summary>
    public static nint GetDirectoryEntries(SafeFileHandle directory, Span<byte> buffer)
    {
        fixed (byte* pointer = buffer)
        {
            return GetDents64(directory, pointer, (nuint)buffer.Length);
        }
    }

    [LibraryImport("libc", EntryPoint = "getdents64", SetLastError = true)]
    private static partial nint GetDents64(SafeFileHandle directory, byte* buffer, nuint size);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true, StringMarshalling = StringMarshalling.Custom, StringMarshallingCustomType = typeof(PathMarshaller))]
    private static partial nint SyscallOpenAt2(long number, SafeFileHandle directory, string path, OpenHow* how, nuint size);

    [LibraryImport("libc", EntryPoint = "statx", SetLastError = true, StringMarshalling = StringMarshalling.Custom, StringMarshallingCustomType = typeof(PathMarshaller))]
    private static partial int StatxAt(SafeFileHandle directory, string path, int flags, uint mask, Statx* buffer);

    [LibraryImport("libc", EntryPoint = "utimensat", SetLastError = true, StringMarshalling = StringMarshalling.Custom, StringMarshallingCustomType = typeof(PathMarshaller))]
    private static partial int UtimensAt(SafeFileHandle directory, string path, long* times, int flags);

    [LibraryImport("libc", EntryPoint = "readlinkat", SetLastError = true, StringMarshalling = StringMarshalling.Custom, StringMarshallingCustomType = typeof(PathMarshaller))]
    private static partial nint ReadLinkAt(SafeFileHandle directory, string path, byte* buffer, nuint size);

    [LibraryImport("libc", EntryPoint = "lsetxattr", SetLastError = true, StringMarshalling = StringMarshalling.Custom, StringMarshallingCustomType = typeof(PathMarshaller))]
    private static partial int LSetXattr(string path, string name, byte* value, nuint size, int flags);

    [LibraryImport("libc", EntryPoint = "lgetxattr", SetLastError = true, StringMarshalling = StringMarshalling.Custom, StringMarshallingCustomType = typeof(PathMarshaller))]
    private static partial nint LGetXattr(string path, string name, byte* value, nuint size);

    [LibraryImport("libc", EntryPoint = "llistxattr", SetLastError = true, StringMarshalling = StringMarshalling.Custom, StringMarshallingCustomType = typeof(PathMarshaller))]
    private static partial nint LListXattr(string path, byte* list, nuint size);

    [StructLayout(LayoutKind.Sequential)]
    private struct OpenHow
    {
        public ulong Flags;
        public ulong Mode;
        public ulong Resolve;
    }

    // statx(2): the layout is the same on every architecture, 256 bytes.
    [StructLayout(LayoutKind.Explicit, Size = 256)]
    private struct Statx
    {
        [FieldOffset(16)] public uint Links;
        [FieldOffset(20)] public uint Uid;
        [FieldOffset(24)] public uint Gid;
        [FieldOffset(28)] public ushort Mode;
        [FieldOffset(32)] public ulong Inode;
        [FieldOffset(40)] public ulong Size;
        [FieldOffset(48)] public ulong Blocks;
        [FieldOffset(112)] public long ModifySeconds;
        [FieldOffset(120)] public uint ModifyNanoseconds;
        [FieldOffset(128)] public uint RdevMajor;
        [FieldOffset(132)] public uint RdevMinor;
        [FieldOffset(136)] public uint DevMajor;
        [FieldOffset(140)] public uint DevMinor;
    }
}
