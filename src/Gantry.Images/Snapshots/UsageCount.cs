using Gantry.Linux.Trees;

namespace Gantry.Images.Snapshots;

/// <summary>Adds up the disk usage of a tree, hard links once.</summary>
internal sealed class UsageCount
{
    private readonly HashSet<(TreeDevice, ulong)> _seen = [];

    public long SizeBytes { get; private set; }

    public long Inodes => _seen.Count;

    public void Add(Tree directory, CancellationToken cancellationToken)
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
            if (stat.IsDirectory)
            {
                using var child = directory.TryOpenChild(name);
                if (child is not null)
                {
                    Add(child, cancellationToken);
                }
            }
        }
    }
}
