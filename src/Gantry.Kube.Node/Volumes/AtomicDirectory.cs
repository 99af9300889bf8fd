using System.Globalization;
using Gantry.Linux.Native;

namespace Gantry.Kube.Node.Volumes;

/// <summary>
/// A directory whose files change all at once: they are links into <c>..data</c>, itself a link that is replaced. Containers
/// see either the old set or the new one. The layout is kubelet's, which programs that watch <c>..data</c> rely on.
/// </summary>
internal static class AtomicDirectory
{
    private const string Data = "..data";

    /// <summary>Brings the directory to exactly these files (path relative to it, content, mode); false when nothing changed.</summary>
    public static bool Write(string directory, IReadOnlyList<ProjectedFile> files, long? group)
    {
        Directory.CreateDirectory(directory);
        var link = Path.Combine(directory, Data);
        var current = new FileInfo(link).LinkTarget is { } target ? Path.Combine(directory, target) : null;
        if (current is not null && IsSame(current, files))
        {
            return false;
        }

        var version = string.Create(CultureInfo.InvariantCulture, $"..{DateTimeOffset.UtcNow:yyyy_MM_dd_HH_mm_ss}.{Random.Shared.Next(1_000_000_000)}");
        var next = Path.Combine(directory, version);
        Directory.CreateDirectory(next);
        foreach (var file in files)
        {
            WriteFile(next, file, group);
        }

        var temporary = Path.Combine(directory, "..data_tmp");
        File.Delete(temporary);
        File.CreateSymbolicLink(temporary, version);
        Unistd.Rename(temporary, link);
        LinkTopNames(directory, files);
        if (current is not null)
        {
            Directory.Delete(current, recursive: true);
        }

        return true;
    }

    private static void WriteFile(string root, ProjectedFile file, long? group)
    {
        var path = Path.Combine(root, file.Path);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllBytes(path, file.Content);
        // With an fsGroup its members may read the file, whatever the mode says.
        var mode = (UnixFileMode)(file.Mode & 0x1ff) | (group is null ? UnixFileMode.None : UnixFileMode.GroupRead);
        File.SetUnixFileMode(path, mode);
        if (group is { } id)
        {
            SysStat.ChangeOwner(Fcntl.AT_FDCWD, path, uint.MaxValue, (uint)id);
        }
    }

    private static void LinkTopNames(string directory, IReadOnlyList<ProjectedFile> files)
    {
        var wanted = files.Select(file => file.Path.Split('/')[0]).ToHashSet(StringComparer.Ordinal);
        foreach (var entry in new DirectoryInfo(directory).EnumerateFileSystemInfos().Where(entry => !entry.Name.StartsWith("..", StringComparison.Ordinal)))
        {
            if (!wanted.Remove(entry.Name))
            {
                entry.Delete();
            }
        }

        foreach (var name in wanted)
        {
            File.CreateSymbolicLink(Path.Combine(directory, name), $"{Data}/{name}");
        }
    }

    private static bool IsSame(string current, IReadOnlyList<ProjectedFile> files)
    {
        if (!Directory.Exists(current) || Directory.EnumerateFiles(current, "*", SearchOption.AllDirectories).Count() != files.Count)
        {
            return false;
        }

        return files.All(file => File.Exists(Path.Combine(current, file.Path)) && File.ReadAllBytes(Path.Combine(current, file.Path)).AsSpan().SequenceEqual(file.Content));
    }
}

/// <summary>One file of a projected volume: a relative path without "..", its bytes, and its permission bits.</summary>
internal sealed record ProjectedFile(string Path, byte[] Content, int Mode);
