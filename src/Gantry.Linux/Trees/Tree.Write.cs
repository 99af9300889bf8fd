using System.Runtime.InteropServices;
using Gantry.Faults;
using Microsoft.Win32.SafeHandles;

namespace Gantry.Linux.Trees;

public sealed partial class Tree
{
    /// <summary>Makes a directory with exactly these permission bits; false when one (or a file) of that name exists.</summary>
    public bool CreateDirectory(string path, uint permissions)
    {
        using var parent = Parent(path, out var name);
        if (TreeNative.MkdirAt(parent.Handle, name, permissions) < 0)
        {
            return Marshal.GetLastPInvokeError() == TreeErrors.Exists ? false : throw TreeErrors.Last("mkdirat", path);
        }
        // The umask has taken bits away.
        Check(TreeNative.ChmodAt(parent.Handle, name, permissions, 0), "fchmodat", path);
        return true;
    }

    /// <summary>
    /// Makes the directories of a path that are missing and returns those made, the outermost first. A symbolic link
    /// to a directory inside the root counts as one.
    /// </summary>
    public IReadOnlyList<string> CreateDirectories(string path, uint permissions)
    {
        var made = new List<string>();
        var current = "";
        foreach (var part in path.Split('/', StringSplitOptions.RemoveEmptyEntries))
        {
            if (part == ".")
            {
                continue;
            }
            current = current.Length == 0 ? part : $"{current}/{part}";
            var fd = OpenRaw(current, TreeNative.OPath | TreeNative.ODirectory, 0);
            if (fd >= 0)
            {
                new SafeFileHandle(fd, ownsHandle: true).Dispose();
                continue;
            }
            if (Marshal.GetLastPInvokeError() != TreeErrors.NoEntry)
            {
                throw TreeErrors.Last("openat2", current);
            }
            if (!CreateDirectory(current, permissions))
            {
                throw new FaultException(FaultKind.InvalidArgument, $"{current}: a dangling symbolic link stands where a directory is needed");
            }
            made.Add(current);
        }
        return made;
    }

    /// <summary>Makes a regular file, which must not exist, and opens it for writing. Its permissions are set by the caller.</summary>
    public FileStream CreateFile(string path)
    {
        var flags = TreeNative.OWriteOnly | TreeNative.OCreate | TreeNative.OExclusive | TreeNative.ONoFollow;
        var fd = OpenRaw(path, flags, 0x180); // 0600
        return fd < 0
            ? throw TreeErrors.Last("openat2", path)
            : new FileStream(new SafeFileHandle(fd, ownsHandle: true), FileAccess.Write, bufferSize: 0);
    }

    /// <summary>Makes a symbolic link; its target is stored as it is.</summary>
    public void CreateSymlink(string path, string target)
    {
        using var parent = Parent(path, out var name);
        Check(TreeNative.SymlinkAt(target, parent.Handle, name), "symlinkat", path);
    }

    /// <summary>Makes a hard link to an existing file of this tree (a symbolic link is linked itself).</summary>
    public void CreateHardLink(string path, string existing)
    {
        using var source = Parent(existing, out var oldName);
        using var parent = Parent(path, out var name);
        Check(TreeNative.LinkAt(source.Handle, oldName, parent.Handle, name, 0), "linkat", $"{path} to {existing}");
    }

    /// <summary>Makes a device, FIFO or socket; <paramref name="mode"/> holds the type and permission bits.</summary>
    public void CreateNode(string path, uint mode, TreeDevice device)
    {
        using var parent = Parent(path, out var name);
        Check(TreeNative.MknodAt(parent.Handle, name, mode, TreeNative.MakeDevice(device)), "mknodat", path);
        Check(TreeNative.ChmodAt(parent.Handle, name, mode & 0xfff, 0), "fchmodat", path);
    }

    /// <summary>Removes a file, or a directory with all that is in it, however deep; nothing when it does not exist.</summary>
    public void Remove(string path)
    {
        using var parent = TryParent(path, out var name);
        if (parent is null || TryRemoveOne(parent.Handle, name, path))
        {
            return;
        }
        RemoveChildren(path);
        Check(TreeNative.UnlinkAt(parent.Handle, name, TreeNative.AtRemoveDir), "unlinkat", path);
    }

    /// <summary>Removes all that is in a directory, however deep.</summary>
    public void RemoveChildren(string path)
    {
        using var root = IsRoot(path) ? OpenTree(".") : TryOpenChild(path) ?? throw TreeErrors.Of(TreeErrors.NotDirectory, "openat2", path);
        // Directories that are not empty move up to this one, so that depth costs neither stack nor descriptors: whoever filled
        // the tree may have nested it as deep as the disk allows.
        var moved = 0L;
        var names = new Stack<string>(root.Names());
        while (names.TryPop(out var name))
        {
            if (TryRemoveOne(root._root, name, name))
            {
                continue;
            }
            using (var directory = root.TryOpenChild(name))
            {
                foreach (var child in directory?.Names() ?? [])
                {
                    if (TryRemoveOne(directory!._root, child, child))
                    {
                        continue;
                    }
                    string target;
                    do
                    {
                        target = $".removed-{moved++}";
                    }
                    while (root.TryStat(target) is not null);
                    Check(TreeNative.RenameAt(directory._root, child, root._root, target), "renameat", child);
                    names.Push(target);
                }
            }
            Check(TreeNative.UnlinkAt(root._root, name, TreeNative.AtRemoveDir), "unlinkat", name);
        }
    }

    // Removes a file or an empty directory; false for a directory that is not empty.
    private static bool TryRemoveOne(SafeFileHandle directory, string name, string path)
    {
        if (TreeNative.UnlinkAt(directory, name, 0) == 0)
        {
            return true;
        }
        var errno = Marshal.GetLastPInvokeError();
        if (errno == TreeErrors.IsDirectory)
        {
            if (TreeNative.UnlinkAt(directory, name, TreeNative.AtRemoveDir) == 0)
            {
                return true;
            }
            errno = Marshal.GetLastPInvokeError();
        }
        return errno switch
        {
            TreeErrors.NoEntry => true,
            TreeErrors.NotEmpty => false,
            _ => throw TreeErrors.Of(errno, "unlinkat", path),
        };
    }

    /// <summary>Renames within the tree, replacing a file of the new name.</summary>
    public void Rename(string from, string to)
    {
        using var source = Parent(from, out var oldName);
        using var target = Parent(to, out var newName);
        Check(TreeNative.RenameAt(source.Handle, oldName, target.Handle, newName), "renameat", $"{from} to {to}");
    }

    /// <summary>Sets owner and group, of a symbolic link itself too.</summary>
    public void SetOwner(string path, uint uid, uint gid)
    {
        using var parent = Parent(path, out var name);
        Check(TreeNative.ChownAt(parent.Handle, name, uid, gid, TreeNative.AtSymlinkNoFollow), "fchownat", path);
    }

    /// <summary>Sets the permission bits; a symbolic link has none and is left alone.</summary>
    public void SetPermissions(string path, uint permissions)
    {
        using var parent = Parent(path, out var name);
        if (TreeNative.Stat(parent.Handle, name, TreeNative.AtSymlinkNoFollow, out var stat) < 0)
        {
            throw TreeErrors.Last("statx", path);
        }
        if (!stat.IsSymlink)
        {
            Check(TreeNative.ChmodAt(parent.Handle, name, permissions, 0), "fchmodat", path);
        }
    }

    /// <summary>Sets the time of the last change (and access).</summary>
    public void SetModified(string path, TreeTime time)
    {
        using var parent = Parent(path, out var name);
        Check(TreeNative.SetTime(parent.Handle, name, time), "utimensat", path);
    }

    /// <summary>Sets an extended attribute; false where the file system does not store it.</summary>
    public bool SetXattr(string path, string attribute, ReadOnlySpan<byte> value)
    {
        using var parent = Parent(path, out var name);
        if (TreeNative.SetXattr(Magic(parent.Handle, name), attribute, value) == 0)
        {
            return true;
        }
        return Marshal.GetLastPInvokeError() == TreeErrors.NotSupported ? false : throw TreeErrors.Last($"lsetxattr {attribute}", path);
    }

    private static void Check(int result, string call, string path)
    {
        if (result < 0)
        {
            throw TreeErrors.Last(call, path);
        }
    }
}
