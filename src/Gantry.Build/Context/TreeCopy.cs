using Gantry.Faults;
using Gantry.Images.Tar;
using Gantry.Linux.Trees;

namespace Gantry.Build.Context;

/// <summary>
/// Copies files from one tree into another, neither of which it can leave. Times of directories that it only writes into
/// stay as they were, so that equal inputs give equal layers.
/// </summary>
internal sealed class TreeCopy(Tree target, (uint Uid, uint Gid)? owner, uint? permissions)
{
    private readonly byte[] _buffer = new byte[128 * 1024];
    private readonly Dictionary<(TreeDevice, ulong), string> _linked = [];

    /// <summary>Copies one file (a symbolic link is followed), or the contents of a directory, to a path.</summary>
    public void Copy(Tree source, string path, string to, CancellationToken cancellationToken)
    {
        var stat = source.TryStatFollowed(path) ?? throw new FaultException(FaultKind.NotFound, $"stat {path}: file does not exist");
        if (stat.IsDirectory)
        {
            using var directory = source.OpenTree(path);
            MakeDirectories(to, stat.Modified);
            if (target.TryStatFollowed(to) is not { IsDirectory: true })
            {
                throw new FaultException(FaultKind.InvalidArgument, $"cannot copy to non-directory: /{to}");
            }
            Preserving(to, () => CopyChildren(directory, to, cancellationToken));
            return;
        }
        MakeDirectories(TarPath.Parent(to), stat.Modified);
        Preserving(TarPath.Parent(to), () => CopyLeaf(source, path, to, stat, follow: true));
    }

    /// <summary>Makes the missing directories of a path, owned as the copies are.</summary>
    public void MakeDirectories(string path, TreeTime modified)
    {
        if (path.Length == 0)
        {
            return;
        }
        var above = path;
        while (above.Length > 0 && target.TryStatFollowed(above) is null)
        {
            above = TarPath.Parent(above);
        }
        Preserving(above, () =>
        {
            foreach (var made in target.CreateDirectories(path, 0x1ed).Reverse()) // 0755
            {
                if (owner is { } own)
                {
                    target.SetOwner(made, own.Uid, own.Gid);
                }
                target.SetModified(made, modified);
            }
        });
    }

    private void CopyChildren(Tree source, string to, CancellationToken cancellationToken)
    {
        foreach (var name in source.Names())
        {
            cancellationToken.ThrowIfCancellationRequested();
            var path = TarPath.Join(to, name);
            var stat = source.Stat(name);
            if (!stat.IsDirectory)
            {
                CopyLeaf(source, name, path, stat, follow: false);
                continue;
            }
            using var child = source.TryOpenChild(name) ?? throw new FaultException(FaultKind.Conflict, $"{path} changed while it was copied");
            if (target.TryStatFollowed(path) is not { IsDirectory: true })
            {
                target.Remove(path);
                target.CreateDirectory(path, stat.Permissions);
            }
            CopyChildren(child, path, cancellationToken);
            // A link to a directory keeps leading there; its own metadata is not the copied directory's.
            if (target.Stat(path).IsDirectory)
            {
                SetMetadata(source, name, path, stat);
            }
        }
    }

    private void CopyLeaf(Tree source, string name, string to, TreeStat stat, bool follow)
    {
        if (target.TryStat(to) is { IsDirectory: true })
        {
            throw new FaultException(FaultKind.InvalidArgument, $"cannot overwrite directory /{to} with a file");
        }
        target.Remove(to);
        if (!follow && stat.Links > 1 && !_linked.TryAdd((stat.FileSystem, stat.Inode), to))
        {
            target.CreateHardLink(to, _linked[(stat.FileSystem, stat.Inode)]);
            return;
        }
        switch (stat)
        {
            case { IsRegular: true }:
                CopyContent(source, name, to, follow);
                break;
            case { IsSymlink: true }:
                target.CreateSymlink(to, source.ReadLink(name));
                break;
            case { IsSocket: true }:
                return; // a socket means nothing without its process
            default:
                target.CreateNode(to, stat.Mode, stat.Device);
                break;
        }
        SetMetadata(source, name, to, stat);
    }

    private void CopyContent(Tree source, string name, string to, bool follow)
    {
        using var input = source.OpenRead(name, follow);
        using var output = target.CreateFile(to);
        int read;
        while ((read = input.Read(_buffer)) > 0)
        {
            output.Write(_buffer, 0, read);
        }
    }

    private void SetMetadata(Tree source, string name, string to, TreeStat stat)
    {
        var (uid, gid) = owner ?? (stat.Uid, stat.Gid);
        target.SetOwner(to, uid, gid);
        if (!stat.IsSymlink)
        {
            target.SetPermissions(to, permissions ?? stat.Permissions);
        }
        if (stat.IsRegular && source.TryStat(name) is { IsRegular: true } && source.TryGetXattr(name, "security.capability") is { } capability)
        {
            target.SetXattr(to, "security.capability", capability);
        }
        target.SetModified(to, stat.Modified);
    }

    private void Preserving(string directory, Action write)
    {
        var before = target.TryStatFollowed(directory);
        write();
        // Only what the path names itself: the time of a link's target cannot be set through the link.
        if (before is { } stat && target.TryStat(directory) is { IsDirectory: true })
        {
            target.SetModified(directory, stat.Modified);
        }
    }
}
