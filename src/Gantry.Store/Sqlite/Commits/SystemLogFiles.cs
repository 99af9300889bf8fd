using Gantry.Linux.Trees;

namespace Gantry.Store.Sqlite.Commits;

/// <summary>The real file system.</summary>
internal sealed class SystemLogFiles : ILogFiles
{
    public static readonly SystemLogFiles Instance = new();

    public IReadOnlyList<string> Find(string path, string suffix)
    {
        var directory = Path.GetDirectoryName(Path.GetFullPath(path))!;
        return Directory.Exists(directory) ? Directory.GetFiles(directory, Path.GetFileName(path) + suffix) : [];
    }

    public ILogFile Open(string path) => new SystemLogFile(path, FileMode.Open);

    public ILogFile Create(string path) => new SystemLogFile(path, FileMode.Create);

    public void Delete(string path) => File.Delete(path);

    public void SyncDirectoryOf(string path) => DurableFile.SyncDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
}
