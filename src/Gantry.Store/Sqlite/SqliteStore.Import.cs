namespace Gantry.Store.Sqlite;

/// <summary>A store made of what another one held.</summary>
public sealed partial class SqliteStore
{
    /// <summary>
    /// Makes a store that holds a page's entries with their revisions, at the page's revision. The place must be free
    /// (AlreadyExists otherwise); the file is whole or not there.
    /// </summary>
    public static void Import(SqliteStoreOptions options, StorePage page)
    {
        options.Validate();
        Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(options.Path))!);
        using var owner = OwnerLock.Take(options.Path);
        CheckFree(options.Path);
        var now = options.TimeProvider.GetUtcNow();
        var rows = new List<StoreEntry>(page.Entries.Count);
        foreach (var commit in page.Entries.GroupBy(static entry => entry.ModRevision))
        {
            // Commits of another store may have more operations than this one numbers; only the order within them is lost.
            rows.AddRange(commit.Select((entry, index) => new StoredEntry(
                entry.Key, entry.Value, entry.CreateRevision, entry.ModRevision, (entry.ModRevision * SqliteLog.MaxOperations) + index, now.ToUnixTimeMilliseconds())));
        }

        Place(options.Path, target => WriteCopy(target, page with { Entries = rows }, now));
    }
}
