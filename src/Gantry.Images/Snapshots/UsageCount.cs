using Gantry.Images.Tar;
using Gantry.Linux.Trees;

namespace Gantry.Images.Snapshots;

/// <summary>Adds up the disk usage of a tree, hard links once.</summary>
internal sealed class UsageCount
{
    private readonly HashSet<(TreeDevice, ulong)> _seen = [];

    public long SizeBytes { get; private set; }

    public long Inodes => _seen.Count;

    /// <summary>Adds a directory's contents, down to a depth that no real tree has.</summary>
    public void Add(Tree directory, CancellationToken cancellationToken, int depth = 0)
    {
        foreach (var name in directory.Names())
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (directory.TryStat(name) is not { } stat)
            {
                continue;
            }
            if (_seen.Add((stat.FileSystem, stat.Inode)))
            {
                SizeBytes += stat.AllocatedBytes;
            }
            if (stat.IsDirectory && depth < TarPath.MaxDepth)
            {
                using var child = directory.TryOpenChild(name);
                if (child is not null)
                {
                    Add(child, cancellationToken, depth + 1);
                }
            }
        }
    }
}
