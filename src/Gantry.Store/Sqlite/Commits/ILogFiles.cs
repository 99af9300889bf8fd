namespace Gantry.Store.Sqlite.Commits;

/// <summary>The file system as the commit log uses it: a seam to the kernel, so that every call can be made to fail.</summary>
internal interface ILogFiles
{
    /// <summary>The paths of files whose names begin with that of a path and go on as given.</summary>
    IReadOnlyList<string> Find(string path, string suffix);

    /// <summary>Opens a file that exists.</summary>
    ILogFile Open(string path);

    /// <summary>Makes an empty file, also in the place of another.</summary>
    ILogFile Create(string path);

    void Delete(string path);

    /// <summary>Waits until the names in a file's directory are on the disk.</summary>
    void SyncDirectoryOf(string path);
}
