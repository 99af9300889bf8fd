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

    public ulong Set { get; private set; }

    public ulong Clear { get; private set; }

    /// <summary>Attributes for the whole tree of a bind mount ("rro" and the like).</summary>
    public ulong RecursiveSet { get; private set; }

    public ulong RecursiveClear { get; private set; }

    public bool IsBind { get; private set; }

    public bool IsRecursive { get; private set; }

    /// <summary>An MS_ propagation flag, or 0.</summary>
    public ulong Propagation { get; private set; }

    public bool PropagationIsRecursive { get; private set; }

    /// <summary>What the file system itself gets.</summary>
    public List<string> Data { get; } = [];

    public static MountOptions Parse(IEnumerable<string>? options)
    {
        var result = new MountOptions();
        foreach (var option in options ?? [])
        {
            result.Add(option);
        }
        return result;
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
            (Propagation, PropagationIsRecursive) = (flag, recursive);
        }
        else if (option is "bind" or "rbind")
        {
            IsBind = true;
            IsRecursive |= option == "rbind";
        }
        else if (option is not ("defaults" or "" or "tmpcopyup" or "idmap" or "ridmap"))
        {
            Data.Add(option);
        }
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
