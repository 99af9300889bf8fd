using Gantry.Linux;
using Gantry.Linux.Trees;

namespace Gantry.Runtime.Rootfs;

/// <summary>Copies a directory's contents onto a new file system (the mount option tmpcopyup).</summary>
internal static class TreeCopy
{
    private const int MaxDepth = 256;

    /// <summary>Copies what is in one directory to another: files, directories, links and nodes, with owners, modes and times.</summary>
    public static void Copy(FileDescriptor from, FileDescriptor to)
    {
        using var source = Tree.Open($"/proc/self/fd/{from.Number}");
        using var target = Tree.Open($"/proc/self/fd/{to.Number}");
        CopyDirectory(source, target, "", MaxDepth);
    }

    private static void CopyDirectory(Tree source, Tree target, string directory, int depth)
    {
        if (depth == 0)
        {
            throw new Faults.FaultException(Faults.FaultKind.InvalidArgument, $"tmpcopyup {directory}: is too deep");
        }
        IReadOnlyList<string> names;
        using (var opened = directory.Length == 0 ? source.OpenTree("") : source.TryOpenChild(directory))
        {
            names = opened?.Names() ?? [];
        }
        foreach (var name in names)
        {
            var path = directory.Length == 0 ? name : $"{directory}/{name}";
            CopyFile(source, target, path, depth);
        }
    }

    private static void CopyFile(Tree source, Tree target, string path, int depth)
    {
        var stat = source.Stat(path);
        if (stat.IsSymlink)
        {
            target.CreateSymlink(path, source.ReadLink(path));
        }
        else if (stat.IsDirectory)
        {
            target.CreateDirectory(path, stat.Permissions);
            CopyDirectory(source, target, path, depth - 1);
        }
        else if (stat.IsRegular)
        {
            using var read = source.OpenRead(path);
            using var written = target.CreateFile(path);
            read.CopyTo(written);
        }
        else
        {
            target.CreateNode(path, stat.Mode, stat.Device);
        }
        target.SetOwner(path, stat.Uid, stat.Gid);
        if (!stat.IsSymlink)
        {
            target.SetPermissions(path, stat.Permissions);
        }
        target.SetModified(path, stat.Modified);
    }
}
