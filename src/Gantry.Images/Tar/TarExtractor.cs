using Gantry.Faults;
using Gantry.Linux.Trees;

namespace Gantry.Images.Tar;

/// <summary>How an archive is extracted.</summary>
public sealed record TarExtractOptions
{
    /// <summary>
    /// Turn the markers of image layers (<c>.wh.name</c>, <c>.wh..wh..opq</c>) into those of overlayfs. Otherwise they are files.
    /// </summary>
    public bool Whiteouts { get; init; }

    /// <summary>The directory of the tree that the archive's names start from; clean, <c>""</c> for the root.</summary>
    public string Directory { get; init; } = "";

    /// <summary>The owner of everything, instead of the archive's.</summary>
    public (uint Uid, uint Gid)? Owner { get; init; }

    /// <summary>Layers below, the nearest first: directories that the archive implies but does not list look as they do there.</summary>
    public IReadOnlyList<Tree> Lower { get; init; } = [];
}

/// <summary>
/// Extracts archives into a tree that they cannot leave: names are cleaned, directories are resolved by the kernel below the
/// tree's root, and last components are never followed. Entries replace what stands in their way, as in docker.
/// </summary>
public sealed class TarExtractor
{
    private const string WhiteoutPrefix = ".wh.";
    private const string WhiteoutMetaPrefix = ".wh..wh.";
    private const string OpaqueMarker = ".wh..wh..opq";
    private const string OpaqueXattr = "trusted.overlay.opaque";

    private readonly Tree _tree;
    private readonly TarExtractOptions _options;
    // Writing into a directory changes its time, so directories get theirs at the end.
    private readonly Dictionary<string, TreeTime> _directoryTimes = new(StringComparer.Ordinal);
    private readonly byte[] _buffer = new byte[128 * 1024];

    /// <summary>Extracts into a tree.</summary>
    public TarExtractor(Tree tree, TarExtractOptions options)
    {
        _tree = tree;
        _options = options;
    }

    /// <summary>The sizes of the regular files extracted, together.</summary>
    public long ContentBytes { get; private set; }

    /// <summary>Extracts a whole archive. The stream is read to the end of the archive, not necessarily to its own.</summary>
    public void Extract(TarReader reader, CancellationToken cancellationToken = default)
    {
        while (reader.Next() is { } entry)
        {
            cancellationToken.ThrowIfCancellationRequested();
            Extract(entry, reader.Data);
        }
        foreach (var (path, time) in _directoryTimes.OrderByDescending(pair => pair.Key.Length))
        {
            if (_tree.TryStat(path) is { IsDirectory: true })
            {
                _tree.SetModified(path, time);
            }
        }
    }

    private void Extract(TarEntry entry, Stream data)
    {
        var path = TarPath.Join(_options.Directory, TarPath.Clean(entry.Name));
        if (path == _options.Directory)
        {
            // The archive's root; where it goes to a directory of somebody else's, that one stays as it is.
            if (entry.Type == TarEntryType.Directory && path.Length == 0)
            {
                SetMetadata("", entry);
            }
            return;
        }
        MakeParents(TarPath.Parent(path));
        if (_options.Whiteouts && TarPath.Base(path).StartsWith(WhiteoutPrefix, StringComparison.Ordinal))
        {
            Whiteout(path);
            return;
        }
        if (entry.Type == TarEntryType.Directory)
        {
            ExtractDirectory(path, entry);
            return;
        }
        _tree.Remove(path);
        switch (entry.Type)
        {
            case TarEntryType.Regular:
                ExtractFile(path, data);
                ContentBytes += entry.SizeBytes;
                break;
            case TarEntryType.HardLink:
                _tree.CreateHardLink(path, TarPath.Join(_options.Directory, TarPath.Clean(entry.LinkName)));
                return; // shares the metadata of what it links to
            case TarEntryType.Symlink:
                _tree.CreateSymlink(path, entry.LinkName);
                break;
            default:
                _tree.CreateNode(path, NodeType(entry.Type) | entry.Permissions, entry.Device);
                break;
        }
        SetMetadata(path, entry);
    }

    private void ExtractDirectory(string path, TarEntry entry)
    {
        if (!_tree.CreateDirectory(path, entry.Permissions))
        {
            var present = _tree.Stat(path);
            if (!present.IsDirectory)
            {
                _tree.Remove(path);
                _tree.CreateDirectory(path, entry.Permissions);
                if (present.IsWhiteout && _options.Whiteouts)
                {
                    // Removed and made again in one layer: what lies below it stays hidden.
                    _tree.SetXattr(path, OpaqueXattr, "y"u8);
                }
            }
        }
        SetMetadata(path, entry);
    }

    private void ExtractFile(string path, Stream data)
    {
        using var file = _tree.CreateFile(path);
        int read;
        while ((read = data.Read(_buffer)) > 0)
        {
            file.Write(_buffer, 0, read);
        }
    }

    private void SetMetadata(string path, TarEntry entry)
    {
        var (uid, gid) = _options.Owner ?? (entry.Uid, entry.Gid);
        _tree.SetOwner(path, uid, gid);
        if (entry.Type != TarEntryType.Symlink)
        {
            // After the owner: chown(2) clears setuid and setgid.
            _tree.SetPermissions(path, entry.Permissions);
        }
        foreach (var (name, value) in entry.Xattrs)
        {
            // An archive must not speak to overlayfs, nor (root only) to the security modules of this machine.
            if (name.StartsWith("user.", StringComparison.Ordinal) ? !name.StartsWith("user.overlay.", StringComparison.Ordinal)
                : name is "security.capability" or "system.posix_acl_access" or "system.posix_acl_default")
            {
                _tree.SetXattr(path, name, value);
            }
        }
        if (entry.Type == TarEntryType.Directory)
        {
            _directoryTimes[path] = entry.Modified;
        }
        else
        {
            _tree.SetModified(path, entry.Modified);
        }
    }

    private void MakeParents(string directory)
    {
        if (directory.Length == 0 || _directoryTimes.ContainsKey(directory))
        {
            return;
        }
        if (_options.Whiteouts)
        {
            RemoveFilesInTheWay(directory);
        }
        foreach (var made in _tree.CreateDirectories(directory, 0x1ed)) // 0755
        {
            foreach (var lower in _options.Lower)
            {
                if (lower.TryStat(made) is { IsDirectory: true } below)
                {
                    _tree.SetOwner(made, below.Uid, below.Gid);
                    _tree.SetPermissions(made, below.Permissions);
                    _directoryTimes[made] = below.Modified;
                    break;
                }
            }
        }
    }

    // A whiteout of this layer at a directory that an entry needs: the directory is made anew.
    private void RemoveFilesInTheWay(string directory)
    {
        for (var end = directory.IndexOf('/', StringComparison.Ordinal); ; end = directory.IndexOf('/', end + 1))
        {
            var path = end < 0 ? directory : directory[..end];
            if (_tree.TryStat(path) is { IsWhiteout: true })
            {
                _tree.Remove(path);
                _tree.CreateDirectory(path, 0x1ed);
                _tree.SetXattr(path, OpaqueXattr, "y"u8);
                return;
            }
            if (end < 0)
            {
                return;
            }
        }
    }

    private void Whiteout(string path)
    {
        var parent = TarPath.Parent(path);
        var name = TarPath.Base(path);
        if (name == OpaqueMarker)
        {
            _tree.SetXattr(parent, OpaqueXattr, "y"u8);
            return;
        }
        if (name.StartsWith(WhiteoutMetaPrefix, StringComparison.Ordinal))
        {
            return; // bookkeeping of aufs, which no layer needs
        }
        if (name[WhiteoutPrefix.Length..] is "" or "." or "..")
        {
            throw new FaultException(FaultKind.InvalidArgument, $"tar entry \"{path}\" is a whiteout of no file");
        }
        var hidden = TarPath.Join(parent, name[WhiteoutPrefix.Length..]);
        // What this layer itself put there stays: whiteouts hide lower layers only.
        if (_tree.TryStat(hidden) is null)
        {
            _tree.CreateNode(hidden, 0x2000, new TreeDevice(0, 0));
        }
    }

    private static uint NodeType(TarEntryType type) => type switch
    {
        TarEntryType.CharacterDevice => 0x2000,
        TarEntryType.BlockDevice => 0x6000,
        _ => 0x1000,
    };
}
