using Gantry.Images.Tar;
using Gantry.Linux.Trees;

namespace Gantry.Images.Layers;

/// <summary>
/// Writes the upper directory of an overlay as a layer: names in ordinal order, whiteouts and opaque directories as the
/// layer format's markers, hard links to their first name. The same tree gives the same bytes.
/// </summary>
internal sealed class LayerDiff
{
    private const string WhiteoutPrefix = ".wh.";
    private const string OpaqueMarker = ".wh..wh..opq";
    private const string OpaqueXattr = "trusted.overlay.opaque";

    private readonly IReadOnlyList<Tree> _lower;
    private readonly TarWriter _writer;
    private readonly Dictionary<(TreeDevice, ulong), string> _linked = [];

    private LayerDiff(IReadOnlyList<Tree> lower, TarWriter writer)
    {
        _lower = lower;
        _writer = writer;
    }

    private int _depth;

    public long ContentBytes { get; private set; }

    /// <summary>Writes the whole tree and returns the bytes of its regular files. Lower layers, the nearest first.</summary>
    public static long Write(Tree upper, IReadOnlyList<Tree> lower, Stream output, CancellationToken cancellationToken)
    {
        var writer = new TarWriter(output);
        var diff = new LayerDiff(lower, writer);
        diff.WriteDirectory(upper, "", cancellationToken);
        writer.Complete();
        return diff.ContentBytes;
    }

    private void WriteDirectory(Tree directory, string prefix, CancellationToken cancellationToken)
    {
        if (++_depth > TarPath.MaxDepth)
        {
            throw TarPath.TooDeep(prefix);
        }
        foreach (var name in directory.Names())
        {
            cancellationToken.ThrowIfCancellationRequested();
            // A file that a running container removed meanwhile is no longer part of the difference.
            if (directory.TryStat(name) is not { } stat)
            {
                continue;
            }
            var path = TarPath.Join(prefix, name);
            if (stat.IsDirectory)
            {
                WriteSubdirectory(directory, name, path, stat, cancellationToken);
            }
            else if (!stat.IsSocket)
            {
                WriteLeaf(directory, name, path, stat);
            }
        }
        _depth--;
    }

    private void WriteSubdirectory(Tree parent, string name, string path, TreeStat stat, CancellationToken cancellationToken)
    {
        using var child = parent.TryOpenChild(name);
        if (child is null)
        {
            return;
        }
        _writer.Write(Entry(parent, name, path + "/", TarEntryType.Directory, stat));
        // overlayfs marks every directory made in a merged one as opaque; only where something is hidden does it matter.
        if (parent.TryGetXattr(name, OpaqueXattr) is [(byte)'y'] && ExistsBelow(path))
        {
            _writer.Write(new TarEntry { Name = $"{path}/{OpaqueMarker}", Type = TarEntryType.Regular });
        }
        WriteDirectory(child, path, cancellationToken);
    }

    private void WriteLeaf(Tree directory, string name, string path, TreeStat stat)
    {
        if (stat.IsWhiteout)
        {
            _writer.Write(new TarEntry
            {
                Name = TarPath.Join(TarPath.Parent(path), WhiteoutPrefix + name),
                Type = TarEntryType.Regular,
            });
            return;
        }
        if (stat.Links > 1 && !_linked.TryAdd((stat.FileSystem, stat.Inode), path))
        {
            var first = _linked[(stat.FileSystem, stat.Inode)];
            _writer.Write(Entry(directory, name, path, TarEntryType.HardLink, stat) with { LinkName = first, Xattrs = [] });
            return;
        }
        switch (stat)
        {
            case { IsRegular: true }:
                using (var data = directory.OpenRead(name))
                {
                    _writer.Write(Entry(directory, name, path, TarEntryType.Regular, stat) with { SizeBytes = stat.SizeBytes }, data);
                }
                ContentBytes += stat.SizeBytes;
                break;
            case { IsSymlink: true }:
                _writer.Write(Entry(directory, name, path, TarEntryType.Symlink, stat) with { LinkName = directory.ReadLink(name) });
                break;
            case { IsFifo: true }:
                _writer.Write(Entry(directory, name, path, TarEntryType.Fifo, stat));
                break;
            default:
                var type = stat.IsCharacterDevice ? TarEntryType.CharacterDevice : TarEntryType.BlockDevice;
                _writer.Write(Entry(directory, name, path, type, stat) with { Device = stat.Device });
                break;
        }
    }

    private static TarEntry Entry(Tree directory, string name, string path, TarEntryType type, TreeStat stat) => new()
    {
        Name = path,
        Type = type,
        Permissions = type == TarEntryType.Symlink ? 0x1ff : stat.Permissions,
        Uid = stat.Uid,
        Gid = stat.Gid,
        Modified = stat.Modified,
        Xattrs = Xattrs(directory, name),
    };

    private static List<KeyValuePair<string, byte[]>> Xattrs(Tree directory, string name)
    {
        var kept = new List<KeyValuePair<string, byte[]>>();
        foreach (var attribute in directory.ListXattrs(name))
        {
            var isKept = attribute is "security.capability" or "system.posix_acl_access" or "system.posix_acl_default"
                || (attribute.StartsWith("user.", StringComparison.Ordinal) && !attribute.StartsWith("user.overlay.", StringComparison.Ordinal));
            if (isKept && directory.TryGetXattr(name, attribute) is { } value)
            {
                kept.Add(new(attribute, value));
            }
        }
        return kept;
    }

    private bool ExistsBelow(string path)
    {
        foreach (var lower in _lower)
        {
            if (lower.TryStat(path) is { } stat)
            {
                return stat.IsDirectory;
            }
        }
        return false;
    }
}
