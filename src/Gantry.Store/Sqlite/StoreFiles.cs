using Gantry.Faults;
using Gantry.Store.Sqlite.History;

namespace Gantry.Store.Sqlite;

/// <summary>The two files of SQLite: the present, and the history where one is kept. Used by one thread at a time.</summary>
internal sealed class StoreFiles(string path, PresentFile present, HistoryFile? history) : IDisposable
{
    public PresentFile Present => present;

    public HistoryFile? History => history;

    /// <summary>What the history holds; without one nobody asks for more than the present.</summary>
    public HistoryBounds Bounds => history?.Bounds ?? new HistoryBounds(present.Applied, 0, present.Applied);

    /// <summary>Opens both.</summary>
    public static StoreFiles Open(SqliteStoreOptions options)
    {
        var present = PresentFile.Open(options.Path, options.TimeProvider.GetUtcNow(), options.LogFiles);
        try
        {
            return Open(options, present);
        }
        catch
        {
            present.Dispose();
            throw;
        }
    }

    private static StoreFiles Open(SqliteStoreOptions options, PresentFile present)
    {
        if (options.HistorySpan <= TimeSpan.Zero)
        {
            return new StoreFiles(options.Path, present, null);
        }

        var start = new CommitTime(present.ReadMeta("compacted", 1), present.ReadMeta("compacted_time", 0));
        return new StoreFiles(options.Path, present, HistoryFile.Open(options.HistoryPath, present.Identity, start, present.ReadMeta("forgotten", 0)));
    }

    /// <summary>
    /// After a failure. A failed fsync is not repeated: the kernel may have dropped the pages that it could not write and calls them clean, so a
    /// second one that succeeds proves nothing. The files were opened as after a crash; now everything in their logs is copied into them and
    /// synced, and what they then say counts.
    /// </summary>
    public void Settle(long applied)
    {
        present.Checkpoint(truncate: true);
        history?.Checkpoint(truncate: true);
        present.ReadPlaces();
        if (present.Applied < applied)
        {
            throw new FaultException(FaultKind.DataLoss, $"{path} lost what it had after revision {present.Applied} when the disk failed; restore it from a backup");
        }
    }

    public void Dispose()
    {
        history?.Dispose();
        present.Dispose();
    }
}
