using Gantry.Linux.Native;

namespace Gantry.Runtime.Rootfs;

/// <summary>The options of one mount, sorted into what each kernel call takes.</summary>
internal sealed class MountOptions
{
    /// <summary>Options that set (true) or clear a mount attribute.</summary>
    private static readonly Dictionary<string, (ulong Attribute, bool Set)> Attributes = new()
    {
        ["ro"] = (SysMount.MOUNT_ATTR_RDONLY, true),
        ["rw"] = (SysMount.MOUNT_ATTR_RDONLY, false),
        ["nosuid"] = (SysMount.MOUNT_ATTR_NOSUID, true),
        ["suid"] = (SysMount.MOUNT_ATTR_NOSUID, false),
        ["nodev"] = (SysMount.MOUNT_ATTR_NODEV, true),
        ["dev"] = (SysMount.MOUNT_ATTR_NODEV, false),
        ["noexec"] = (SysMount.MOUNT_ATTR_NOEXEC, true),
        ["exec"] = (SysMount.MOUNT_ATTR_NOEXEC, false),
        ["nodiratime"] = (SysMount.MOUNT_ATTR_NODIRATIME, true),
        ["diratime"] = (SysMount.MOUNT_ATTR_NODIRATIME, false),
        ["nosymfollow"] = (SysMount.MOUNT_ATTR_NOSYMFOLLOW, true),
        ["symfollow"] = (SysMount.MOUNT_ATTR_NOSYMFOLLOW, false),
        ["noatime"] = (SysMount.MOUNT_ATTR_NOATIME, true),
        ["strictatime"] = (SysMount.MOUNT_ATTR_STRICTATIME, true),
        ["atime"] = (SysMount.MOUNT_ATTR__ATIME, false),
        ["relatime"] = (SysMount.MOUNT_ATTR__ATIME, false),
        ["norelatime"] = (SysMount.MOUNT_ATTR__ATIME, false),
        ["nostrictatime"] = (SysMount.MOUNT_ATTR__ATIME, false),
    };

    /// <summary>Options of the file system itself that every kind takes (vfs_parse_sb_flag() in fs/fs_context.c).</summary>
    private static readonly string[] SuperblockOptions = ["sync", "async", "dirsync", "mand", "nomand", "lazytime", "nolazytime"];

    /// <summary>Options of mount(8) that say nothing to today's kernels.</summary>
    private static readonly string[] Ignored = ["", "defaults", "silent", "loud", "iversion", "noiversion"];

    public ulong Set { get; private set; }

    public ulong Clear { get; private set; }

    /// <summary>Attributes for the whole tree of a bind mount ("rro" and the like).</summary>
    public ulong RecursiveSet { get; private set; }

    public ulong RecursiveClear { get; private set; }

    public bool IsBind { get; private set; }

    public bool IsRecursive { get; private set; }

    /// <summary>Changes the mount that is at the destination instead of making one.</summary>
    public bool IsRemount { get; private set; }

    /// <summary>A new tmpfs gets a copy of what it hides.</summary>
    public bool CopiesUp { get; private set; }

    /// <summary>A source that is a symbolic link is made anew at the destination instead of being mounted.</summary>
    public bool CopiesLink { get; private set; }

    /// <summary>A source that is a symbolic link is mounted itself.</summary>
    public bool KeepsSourceLink { get; private set; }

    /// <summary>A destination that is a symbolic link is mounted over itself.</summary>
    public bool KeepsTargetLink { get; private set; }

    public bool IsIdMapped { get; private set; }

    public bool IdMapIsRecursive { get; private set; }

    /// <summary>The map that the option itself has; null without one.</summary>
    public IdMapOption? IdMap { get; private set; }

    /// <summary>MS_ propagation flags, in the order in which they are applied.</summary>
    public List<(ulong Flag, bool Recursive)> Propagation { get; } = [];

    /// <summary>What every file system takes.</summary>
    public List<string> Superblock { get; } = [];

    /// <summary>What the file system's own kind takes.</summary>
    public List<string> Data { get; } = [];

    /// <summary>Why the options contradict each other; null when they do not.</summary>
    public string? Error =>
        IdMap is { IsValid: false }
            ? "idmap= takes uids= and gids= with triplets, as idmap=uids=0-1-10#10-11-10;gids=@0-100-10"
            : CopiesLink && (KeepsSourceLink || KeepsTargetLink)
            ? "copy-symlink does not go with src-nofollow and dest-nofollow"
            : IsRemount && IsBind && IsRecursive ? "remount does not go with rbind; use rro and the like" : null;

    public static MountOptions Parse(IEnumerable<string>? options)
    {
        var result = new MountOptions();
        foreach (var option in options ?? [])
        {
            result.Add(option);
        }
        return result;
    }

    /// <summary>True for the options that map ids.</summary>
    public static bool IsIdMap(string option) =>
        option is "idmap" or "ridmap" || option.StartsWith("idmap=", StringComparison.Ordinal)
        || option.StartsWith("ridmap=", StringComparison.Ordinal);

    /// <summary>Every option that has a meaning of its own, for `features`.</summary>
    public static IEnumerable<string> Known()
    {
        string[] propagation = ["private", "slave", "shared", "unbindable"];
        string[] special = ["bind", "rbind", "remount", "tmpcopyup", "idmap", "ridmap", "copy-symlink", "src-nofollow", "dest-nofollow"];
        return Attributes.Keys
            .Concat(Attributes.Keys.Select(static name => "r" + name))
            .Concat(propagation).Concat(propagation.Select(static name => "r" + name))
            .Concat(SuperblockOptions).Concat(Ignored.Where(static name => name.Length > 0)).Concat(special)
            .Distinct().Order(StringComparer.Ordinal);
    }

    public static bool TryPropagation(string text, out ulong flag, out bool recursive)
    {
        recursive = text.StartsWith('r');
        flag = (recursive ? text[1..] : text) switch
        {
            "private" => SysMount.MS_PRIVATE,
            "slave" => SysMount.MS_SLAVE,
            "shared" => SysMount.MS_SHARED,
            "unbindable" => SysMount.MS_UNBINDABLE,
            _ => 0,
        };
        return flag != 0;
    }

    private void Add(string option)
    {
        if (Attributes.TryGetValue(option, out var entry))
        {
            (Set, Clear) = Merge(Set, Clear, entry.Attribute, entry.Set);
        }
        else if (option.StartsWith('r') && Attributes.TryGetValue(option[1..], out entry))
        {
            (RecursiveSet, RecursiveClear) = Merge(RecursiveSet, RecursiveClear, entry.Attribute, entry.Set);
        }
        else if (TryPropagation(option, out var flag, out var recursive))
        {
            Propagation.Add((flag, recursive));
        }
        else if (SuperblockOptions.Contains(option))
        {
            Superblock.Add(option);
        }
        else if (!Ignored.Contains(option) && !AddSpecial(option) && !(option.StartsWith('r') && SuperblockOptions.Contains(option[1..])))
        {
            Data.Add(option);
        }
    }

    private bool AddSpecial(string option)
    {
        switch (option)
        {
            case "bind" or "rbind":
                IsBind = true;
                IsRecursive |= option == "rbind";
                break;
            case "remount":
                IsRemount = true;
                break;
            case "tmpcopyup":
                CopiesUp = true;
                break;
            case "copy-symlink":
                CopiesLink = true;
                break;
            case "src-nofollow":
                KeepsSourceLink = true;
                break;
            case "dest-nofollow":
                KeepsTargetLink = true;
                break;
            case "idmap" or "ridmap":
                IsIdMapped = true;
                IdMapIsRecursive |= option == "ridmap";
                break;
            default:
                return AddIdMap(option);
        }
        return true;
    }

    /// <summary>crun's way to write a map into the option: idmap=uids=0-1-10#10-11-10;gids=@0-100-10.</summary>
    private bool AddIdMap(string option)
    {
        var isRecursive = option.StartsWith("ridmap=", StringComparison.Ordinal);
        if (!isRecursive && !option.StartsWith("idmap=", StringComparison.Ordinal))
        {
            return false;
        }
        IsIdMapped = true;
        IdMapIsRecursive |= isRecursive;
        IdMap = IdMapOption.Parse(option[(option.IndexOf('=') + 1)..]);
        return true;
    }

    private static (ulong Set, ulong Clear) Merge(ulong set, ulong clear, ulong attribute, bool on)
    {
        if ((attribute & SysMount.MOUNT_ATTR__ATIME) != 0)
        {
            // The access time attributes are one field: setting a value clears the whole of it first.
            return ((set & ~SysMount.MOUNT_ATTR__ATIME) | (on ? attribute : 0), clear | SysMount.MOUNT_ATTR__ATIME);
        }
        return on ? (set | attribute, clear & ~attribute) : (set & ~attribute, clear | attribute);
    }
}
