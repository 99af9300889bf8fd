using System.Runtime.InteropServices;
using Gantry.Linux.Native;

namespace Gantry.Linux;

/// <summary>struct statx (statx(2)), as far as it is used.</summary>
[StructLayout(LayoutKind.Sequential, Size = 256)]
public struct FileStatus
{
    internal uint Mask;
    internal uint BlockSize;
    internal ulong Attributes;
    internal uint Links;

    /// <summary>The owner.</summary>
    public uint UserId;

    /// <summary>The group.</summary>
    public uint GroupId;

    /// <summary>Type and permission bits.</summary>
    public ushort Mode;
    private readonly ushort _spare0;

    /// <summary>The inode's number.</summary>
    public ulong Inode;

    /// <summary>Bytes.</summary>
    public ulong Size;
    internal ulong Blocks;
    internal ulong AttributesMask;
    private readonly Timestamp _access;
    private readonly Timestamp _birth;
    private readonly Timestamp _change;
    private readonly Timestamp _modification;

    /// <summary>Major number, of a device node.</summary>
    public uint DeviceMajor;

    /// <summary>Minor number, of a device node.</summary>
    public uint DeviceMinor;

    /// <summary>True for a directory.</summary>
    public readonly bool IsDirectory => (Mode & SysStat.S_IFMT) == SysStat.S_IFDIR;

    /// <summary>True for a symbolic link.</summary>
    public readonly bool IsSymlink => (Mode & SysStat.S_IFMT) == SysStat.S_IFLNK;

    /// <summary>True for a character device of these numbers.</summary>
    public readonly bool IsCharacterDevice(uint major, uint minor) =>
        (Mode & SysStat.S_IFMT) == SysStat.S_IFCHR && DeviceMajor == major && DeviceMinor == minor;

    [StructLayout(LayoutKind.Sequential)]
    private readonly struct Timestamp
    {
        private readonly long _seconds;
        private readonly uint _nanoseconds;
        private readonly int _reserved;
    }
}
