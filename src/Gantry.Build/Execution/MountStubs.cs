using Gantry.Images.Tar;
using Gantry.Linux.Trees;

namespace Gantry.Build.Execution;

/// <summary>
/// Makes what RUN's own mounts are mounted on, and removes it again unless something was written there, so that a mount leaves
/// no trace in the layer.
/// </summary>
internal sealed class MountStubs : IDisposable
{
    private readonly Tree _root;
    private readonly List<(string Path, string Above, TreeTime Time)> _made = [];

    private MountStubs(Tree root) => _root = root;

    public static MountStubs Make(Tree root, IEnumerable<(string Target, bool IsDirectory)> targets)
    {
        var stubs = new MountStubs(root);
        foreach (var (target, isDirectory) in targets)
        {
            var path = TarPath.Clean(target);
            stubs.MakeDirectories(isDirectory ? path : TarPath.Parent(path));
            if (!isDirectory && root.TryStatFollowed(path) is null)
            {
                stubs.Remember(path);
                root.CreateFile(path).Dispose();
            }
        }
        return stubs;
    }

    public void Dispose()
    {
        for (var i = _made.Count - 1; i >= 0; i--)
        {
            var (path, above, time) = _made[i];
            var isEmpty = _root.TryStat(path) switch
            {
                { IsDirectory: true } => IsEmptyDirectory(path),
                { IsRegular: true, SizeBytes: 0 } => true,
                _ => false,
            };
            if (isEmpty)
            {
                _root.Remove(path);
                if (_root.TryStat(above) is { IsDirectory: true })
                {
                    _root.SetModified(above, time);
                }
            }
        }
    }

    private bool IsEmptyDirectory(string path)
    {
        using var directory = _root.TryOpenChild(path);
        return directory is not null && directory.Names().Count == 0;
    }

    private void MakeDirectories(string path)
    {
        var current = "";
        foreach (var part in path.Split('/', StringSplitOptions.RemoveEmptyEntries))
        {
            current = TarPath.Join(current, part);
            if (_root.TryStatFollowed(current) is null)
            {
                Remember(current);
                _root.CreateDirectory(current, 0x1ed); // 0755
            }
        }
    }

    private void Remember(string path)
    {
        var above = TarPath.Parent(path);
        _made.Add((path, above, _root.TryStatFollowed(above)?.Modified ?? default));
    }
}
