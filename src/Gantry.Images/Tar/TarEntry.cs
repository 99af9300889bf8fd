using Gantry.Linux.Trees;

namespace Gantry.Images.Tar;

/// <summary>What a tar entry is; the values are the header's type flags (POSIX.1-2001, pax).</summary>
public enum TarEntryType
{
    /// <summary>A regular file.</summary>
    Regular = '0',

    /// <summary>A hard link to an earlier entry.</summary>
    HardLink = '1',

    /// <summary>A symbolic link.</summary>
    Symlink = '2',

    /// <summary>A character device.</summary>
    CharacterDevice = '3',

    /// <summary>A block device.</summary>
    BlockDevice = '4',

    /// <summary>A directory.</summary>
    Directory = '5',

    /// <summary>A named pipe.</summary>
    Fifo = '6',
}

/// <summary>A tar entry's header: ustar, pax and GNU extensions already applied.</summary>
public sealed record TarEntry
{
    /// <summary>The path as it stands in the archive.</summary>
    public required string Name { get; init; }

    /// <summary>What it is.</summary>
    public required TarEntryType Type { get; init; }

    /// <summary>The target of a link.</summary>
    public string LinkName { get; init; } = "";

    /// <summary>Permission bits with setuid, setgid and sticky.</summary>
    public uint Permissions { get; init; }

    /// <summary>The owner.</summary>
    public uint Uid { get; init; }

    /// <summary>The group.</summary>
    public uint Gid { get; init; }

    /// <summary>The content's length.</summary>
    public long SizeBytes { get; init; }

    /// <summary>The time of the last change.</summary>
    public TreeTime Modified { get; init; }

    /// <summary>The number of a device.</summary>
    public TreeDevice Device { get; init; }

    /// <summary>Extended attributes (pax records <c>SCHILY.xattr.*</c>), as bytes.</summary>
    public IReadOnlyList<KeyValuePair<string, byte[]>> Xattrs { get; init; } = [];
}
