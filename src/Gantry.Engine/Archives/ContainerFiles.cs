using Gantry.Engine.Containers;
using Gantry.Faults;
using Gantry.Images;
using Gantry.Images.Snapshots;
using Gantry.Images.Tar;
using Gantry.Linux.Trees;

namespace Gantry.Engine.Archives;

/// <summary>
/// Reads and writes files of containers. Paths are resolved by the kernel inside the container's root, so that no link of
/// a container leads to the host. A running container is seen as its first process sees it, mounts included; a stopped one by its
/// root and the sources of its volumes and binds.
/// </summary>
internal sealed class ContainerFiles(ImageService images, ContainerLauncher launcher)
{
    internal PathStatus Stat(ContainerRecord container, string path) => WithTree(container, path, (tree, inside) =>
    {
        TreeStat stat = tree.TryStat(inside) ?? throw Missing(container, path);
        string target = stat.IsSymlink ? tree.ReadLink(inside) : "";
        DateTimeOffset modified = DateTimeOffset.FromUnixTimeSeconds(stat.Modified.Seconds);
        return new PathStatus(NameOf(path), stat.SizeBytes, GoMode(stat), modified, target);
    });

    internal void Read(ContainerRecord container, string path, Stream output, CancellationToken cancellationToken) => WithTree(container, path, (tree, inside) =>
    {
        if (tree.TryStat(inside) is null)
        {
            throw Missing(container, path);
        }

        TreeArchive.Write(tree, inside, NameOf(path), output, cancellationToken);
        return 0;
    });

    internal void Write(ContainerRecord container, string path, Stream archive, bool keepKinds, CancellationToken cancellationToken) => WithTree(container, path, (tree, inside) =>
    {
        if (container.Spec.Security.ReadOnlyRoot && !container.MountPoints.Exists(point => point.Writable && path.StartsWith(point.Destination, StringComparison.Ordinal)))
        {
            throw new FaultException(FaultKind.PermissionDenied, "container rootfs is marked read-only");
        }

        if (inside.Length > 0 && tree.TryStat(inside) is null)
        {
            throw Missing(container, path);
        }

        using Tree directory = OpenDirectory(tree, inside);
        _ = keepKinds;
        new TarExtractor(directory, new TarExtractOptions()).Extract(new TarReader(archive), cancellationToken);
        return 0;
    });

    internal void Export(ContainerRecord container, Stream output, CancellationToken cancellationToken) => WithTree(container, "/", (tree, _) =>
    {
        TreeArchive.Write(tree, "", ".", output, cancellationToken);
        return 0;
    }, rootOnly: true);

    internal List<FileChange> Changes(ContainerRecord container)
    {
        SnapshotMount snapshot = images.Snapshots.TryGet(container.Id) ?? throw new FaultException(FaultKind.NotFound, $"container {container.Id} has no root file system of its own");
        List<FileChange> changes = [];
        using Tree upper = Tree.Open(snapshot.UpperPath);
        Tree[] lower = [.. snapshot.LowerDirs.Select(directory => Tree.Open(Path.Combine(snapshot.BaseDirectory, directory)))];
        try
        {
            Collect(upper, "", lower, changes);
            return changes;
        }
        finally
        {
            Array.ForEach(lower, tree => tree.Dispose());
        }
    }

    private static void Collect(Tree directory, string prefix, Tree[] lower, List<FileChange> changes)
    {
        foreach (string name in directory.Names())
        {
            if (directory.TryStat(name) is not { } stat)
            {
                continue;
            }

            string path = prefix.Length == 0 ? name : $"{prefix}/{name}";
            FileChangeKind kind = stat.IsWhiteout ? FileChangeKind.Deleted : ExistsBelow(lower, path) ? FileChangeKind.Modified : FileChangeKind.Added;
            changes.Add(new FileChange("/" + path, kind));
            if (stat.IsDirectory && directory.TryOpenChild(name) is { } child)
            {
                using (child)
                {
                    Collect(child, path, lower, changes);
                }
            }
        }
    }

    private static bool ExistsBelow(Tree[] lower, string path)
    {
        foreach (Tree tree in lower)
        {
            if (tree.TryStat(path) is { } stat)
            {
                return !stat.IsWhiteout;
            }
        }

        return false;
    }

    private T WithTree<T>(ContainerRecord container, string path, Func<Tree, string, T> use, bool rootOnly = false)
    {
        string inside = path.Trim('/');
        inside = inside == "." ? "" : inside.EndsWith("/.", StringComparison.Ordinal) ? inside[..^2] : inside;
        bool mounted = false;
        string root;
        if (container.IsRunning && !rootOnly)
        {
            root = $"/proc/{container.Pid}/root";
        }
        else if (!rootOnly && container.MountPoints.Find(point => point.Source.Length > 0 && IsBelow("/" + inside, point.Destination)) is { } point)
        {
            // Not running: its mounts are not there, but what they would show is.
            root = point.Source;
            inside = ("/" + inside)[point.Destination.Length..].Trim('/');
        }
        else
        {
            SnapshotMount? snapshot = images.Snapshots.TryGet(container.Id);
            mounted = !container.IsRunning && snapshot is not null;
            root = container.IsRunning && snapshot is not null ? snapshot.MountPoint : launcher.MountRoot(container);
        }

        try
        {
            using Tree tree = Tree.Open(root, TreeResolve.InRoot);
            return use(tree, inside);
        }
        finally
        {
            if (mounted)
            {
                images.Snapshots.TryGet(container.Id)?.Unmount();
            }
        }
    }

    private static Tree OpenDirectory(Tree tree, string inside)
    {
        try
        {
            return tree.OpenTree(inside);
        }
        catch (FaultException fault) when (fault.Kind != FaultKind.NotFound)
        {
            throw new FaultException(FaultKind.InvalidArgument, "extraction point is not a directory", fault);
        }
    }

    private static bool IsBelow(string path, string directory) => path == directory || path.StartsWith(directory + "/", StringComparison.Ordinal);

    private static string NameOf(string path)
    {
        string trimmed = path.TrimEnd('/');
        string name = trimmed[(trimmed.LastIndexOf('/') + 1)..];
        return name.Length == 0 ? "." : name;
    }

    private static FaultException Missing(ContainerRecord container, string path) =>
        new(FaultKind.NotFound, $"Could not find the file {path} in container {container.Id}");

    private static uint GoMode(TreeStat stat)
    {
        uint mode = stat.Permissions & 0x1ff;
        mode |= stat.IsDirectory ? 1u << 31 : 0;
        mode |= stat.IsSymlink ? 1u << 27 : 0;
        mode |= stat.IsCharacterDevice || stat.IsBlockDevice ? 1u << 26 : 0;
        mode |= stat.IsFifo ? 1u << 25 : 0;
        mode |= stat.IsSocket ? 1u << 24 : 0;
        mode |= (stat.Permissions & 0x800) != 0 ? 1u << 23 : 0;
        mode |= (stat.Permissions & 0x400) != 0 ? 1u << 22 : 0;
        mode |= stat.IsCharacterDevice ? 1u << 21 : 0;
        mode |= (stat.Permissions & 0x200) != 0 ? 1u << 20 : 0;
        return mode;
    }
}
