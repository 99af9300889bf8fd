using Gantry.Images.Tar;
using Gantry.Linux.Trees;

namespace Gantry.Engine.Archives;

/// <summary>Writes a file or a directory of a tree, with everything below it, as a tar archive; hard links inside stay links.</summary>
internal sealed class TreeArchive
{
    private readonly TarWriter _writer;
    private readonly Dictionary<(TreeDevice, ulong), string> _linked = [];

    private TreeArchive(Stream output) => _writer = new TarWriter(output);

    /// <summary>Writes <paramref name="path"/> under the name <paramref name="name"/> (<c>.</c> writes a directory's content).</summary>
    internal static void Write(Tree tree, string path, string name, Stream output, CancellationToken cancellationToken)
    {
        TreeArchive archive = new(output);
        archive.WriteAny(tree, path, name, cancellationToken);
        archive._writer.Complete();
    }

    private void WriteAny(Tree directory, string name, string target, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        // What a running container removed meanwhile is left out.
        if (directory.TryStat(name) is not { } stat || stat.IsSocket)
        {
            return;
        }

        if (!stat.IsDirectory)
        {
            WriteLeaf(directory, name, target, stat);
            return;
        }

        _writer.Write(Entry(directory, name, target + "/", TarEntryType.Directory, stat));
        using Tree child = directory.OpenTree(name);
        foreach (string entry in child.Names())
        {
            WriteAny(child, entry, $"{target}/{entry}", cancellationToken);
        }
    }

    private void WriteLeaf(Tree directory, string name, string target, TreeStat stat)
    {
        if (stat.Links > 1 && !_linked.TryAdd((stat.FileSystem, stat.Inode), target))
        {
            _writer.Write(Entry(directory, name, target, TarEntryType.HardLink, stat) with { LinkName = _linked[(stat.FileSystem, stat.Inode)], Xattrs = [] });
            return;
        }

        switch (stat)
        {
            case { IsRegular: true }:
                using (FileStream data = directory.OpenRead(name))
                {
                    _writer.Write(Entry(directory, name, target, TarEntryType.Regular, stat) with { SizeBytes = stat.SizeBytes }, data);
                }

                break;
            case { IsSymlink: true }:
                _writer.Write(Entry(directory, name, target, TarEntryType.Symlink, stat) with { LinkName = directory.ReadLink(name) });
                break;
            default:
                TarEntryType type = stat.IsFifo ? TarEntryType.Fifo : stat.IsCharacterDevice ? TarEntryType.CharacterDevice : TarEntryType.BlockDevice;
                _writer.Write(Entry(directory, name, target, type, stat) with { Device = stat.Device });
                break;
        }
    }

    private static TarEntry Entry(Tree directory, string name, string target, TarEntryType type, TreeStat stat) => new()
    {
        Name = target,
        Type = type,
        Permissions = type == TarEntryType.Symlink ? 0x1ff : stat.Permissions,
        Uid = stat.Uid,
        Gid = stat.Gid,
        Modified = stat.Modified,
        Xattrs = Xattrs(directory, name),
    };

    private static List<KeyValuePair<string, byte[]>> Xattrs(Tree directory, string name)
    {
        List<KeyValuePair<string, byte[]>> kept = [];
        foreach (string attribute in directory.ListXattrs(name))
        {
            bool isKept = attribute == "security.capability"
                || (attribute.StartsWith("user.", StringComparison.Ordinal) && !attribute.StartsWith("user.overlay.", StringComparison.Ordinal));
            if (isKept && directory.TryGetXattr(name, attribute) is { } value)
            {
                kept.Add(new(attribute, value));
            }
        }

        return kept;
    }
}
