namespace Gantry.Linux.Trees;

/// <summary>What statx(2) says of one file. <c>Mode</c> holds type and permission bits; <c>AllocatedBytes</c> is disk usage.</summary>
public readonly record struct TreeStat(
    uint Mode, uint Uid, uint Gid, long SizeBytes, long AllocatedBytes, TreeTime Modified, uint Links, ulong Inode,
    TreeDevice Device, TreeDevice FileSystem)
{
    private const uint TypeMask = 0xf000;

    /// <summary>A directory.</summary>
    public bool IsDirectory => (Mode & TypeMask) == 0x4000;

    /// <summary>A regular file.</summary>
    public bool IsRegular => (Mode & TypeMask) == 0x8000;

    /// <summary>A symbolic link.</summary>
    public bool IsSymlink => (Mode & TypeMask) == 0xa000;

    /// <summary>A character device.</summary>
    public bool IsCharacterDevice => (Mode & TypeMask) == 0x2000;

    /// <summary>A block device.</summary>
    public bool IsBlockDevice => (Mode & TypeMask) == 0x6000;

    /// <summary>A named pipe.</summary>
    public bool IsFifo => (Mode & TypeMask) == 0x1000;

    /// <summary>A socket.</summary>
    public bool IsSocket => (Mode & TypeMask) == 0xc000;

    /// <summary>The permission bits with setuid, setgid and sticky.</summary>
    public uint Permissions => Mode & 0xfff;

    /// <summary>An overlayfs whiteout: a character device 0/0.</summary>
    public bool IsWhiteout => IsCharacterDevice && Device is { Major: 0, Minor: 0 };
}

/// <summary>Seconds since 1970 and nanoseconds.</summary>
public readonly record struct TreeTime(long Seconds, uint Nanoseconds);

/// <summary>A device number.</summary>
public readonly record struct TreeDevice(uint Major, uint Minor);

/// <summary>How the directories of a path are resolved.</summary>
public enum TreeResolve
{
    /// <summary>Symbolic links are followed only while they stay below the root; others are refused.</summary>
    Beneath,

    /// <summary>The root acts as <c>/</c>: absolute links and <c>..</c> stay inside, as after chroot(2).</summary>
    InRoot,
}
