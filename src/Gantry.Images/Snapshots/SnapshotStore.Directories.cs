using Gantry.Linux.Trees;
using Gantry.Oci;
using Gantry.Store;

namespace Gantry.Images.Snapshots;

public sealed partial class SnapshotStore
{
    private static readonly string[] s_mountPointDirectories = ["dev", "dev/pts", "dev/shm", "etc", "proc", "sys"];
    private static readonly string[] s_mountPointFiles = [".dockerenv", "dev/console", "etc/hostname", "etc/hosts", "etc/resolv.conf"];
    private readonly Lock _initLock = new();

    private async Task LoadAsync(CancellationToken cancellationToken)
    {
        var page = await _store.RangeAsync(new StoreRange(LayerPrefix), cancellationToken).ConfigureAwait(false);
        var layers = _layers.ToBuilder();
        foreach (var entry in page.Entries)
        {
            var record = ImagesJson.Deserialize<LayerRecord>(entry.Value);
            var chain = Digest.Parse(entry.Key[LayerPrefix.Length..]);
            // A record without files (somebody removed them): the layer is unpacked again when it is needed.
            if (Directory.Exists(Path.Combine(_root, "l", record.Directory)))
            {
                layers[chain] = new Layer(chain, record.Parent, record.DiffId, record.SizeBytes) { Directory = record.Directory };
            }
        }
        _layers = layers.ToImmutable();
        var known = _layers.Values.Select(layer => layer.Directory).ToHashSet(StringComparer.Ordinal);
        RemoveUnknown("l", known);
        known.Add("scratch");
        RemoveUnknown("i", known);
        foreach (var path in Directory.EnumerateDirectories(Path.Combine(_root, "tmp")))
        {
            RemoveTemporary(path);
        }
        _nextDirectory = known.Select(name => int.TryParse(name, System.Globalization.NumberStyles.HexNumber, null, out var number) ? number : 0).Max();
    }

    private void RemoveUnknown(string directory, HashSet<string> known)
    {
        foreach (var path in Directory.EnumerateDirectories(Path.Combine(_root, directory)))
        {
            if (!known.Contains(Path.GetFileName(path)))
            {
                RemoveTemporary(path);
            }
        }
    }

    private string TemporaryPath() => Path.Combine(_root, "tmp", Guid.NewGuid().ToString("n"));

    private static void RemoveTemporary(string path)
    {
        OverlayMount.Unmount(Path.Combine(path, "merged"));
        using var parent = Tree.Open(Path.GetDirectoryName(path)!);
        parent.Remove(Path.GetFileName(path));
    }

    // What containers mount over must exist, and must not show as a change of theirs: so it is a layer of its own, made once
    // for each image by writing through an overlay, and empty where the image has everything.
    private string EnsureMountPoints(Digest? parent)
    {
        var target = Path.Combine(_root, "i", InitName(parent));
        if (Directory.Exists(target))
        {
            return target;
        }
        lock (_initLock)
        {
            if (Directory.Exists(target))
            {
                return target;
            }
            var temporary = TemporaryPath();
            var upper = Directory.CreateDirectory(Path.Combine(temporary, "fs")).FullName;
            var lower = LayerDirectories(parent);
            if (lower.Count == 0)
            {
                MakeMountPoints(upper);
            }
            else
            {
                CopyRootAttributes(Path.Combine(_root, "l", lower[0]), upper);
                MakeMountPointsOver(temporary, lower);
            }
            Directory.Move(upper, target);
            RemoveTemporary(temporary);
            return target;
        }
    }

    private void MakeMountPointsOver(string temporary, List<string> lower)
    {
        var merged = Directory.CreateDirectory(Path.Combine(temporary, "merged")).FullName;
        Directory.CreateDirectory(Path.Combine(temporary, "work"));
        var name = Path.GetFileName(temporary);
        var lowerOption = string.Join(':', lower.Select(directory => $"l/{directory}"));
        OverlayMount.Mount(_root,
            $"lowerdir={lowerOption},upperdir=tmp/{name}/fs,workdir=tmp/{name}/work,index=off,redirect_dir=off,metacopy=off", merged);
        try
        {
            MakeMountPoints(merged);
        }
        finally
        {
            OverlayMount.Unmount(merged);
        }
    }

    private static void MakeMountPoints(string root)
    {
        using var tree = Tree.Open(root, TreeResolve.InRoot);
        foreach (var directory in s_mountPointDirectories)
        {
            if (tree.TryStat(directory) is null)
            {
                tree.CreateDirectories(directory, 0x1ed); // 0755
            }
        }
        foreach (var file in s_mountPointFiles)
        {
            if (tree.TryStat(file) is null)
            {
                tree.CreateFile(file).Dispose();
                tree.SetPermissions(file, 0x1ed);
            }
        }
        if (tree.TryStat("etc/mtab") is null)
        {
            tree.CreateSymlink("etc/mtab", "/proc/mounts");
        }
    }

    // An overlay's root looks as its uppermost directory does.
    private static void CopyRootAttributes(string from, string to)
    {
        using var source = Tree.Open(from);
        using var target = Tree.Open(to);
        var stat = source.Stat("");
        target.SetOwner("", stat.Uid, stat.Gid);
        target.SetPermissions("", stat.Permissions);
        target.SetModified("", stat.Modified);
    }
}
