namespace Gantry.Store.Sqlite.History;

/// <summary>Forgets what is beyond the bounds of the history, oldest first, and gives space back. Used by the archiver's thread.</summary>
internal sealed class HistoryPruning(SqliteStoreOptions options, long floor)
{
    /// <summary>How often what has become too old is looked for.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(30);

    // How many rows are forgotten in one transaction.
    private const int MostRows = 8192;

    // How many of the oldest make room when the file is full: the first of these of which the file has four times as many.
    private static readonly int[] s_roomRows = [MostRows, 512, 32, 1];

    private long _prunedTo = floor;
    private DateTimeOffset _due;

    /// <summary>Rows that only a deleted snapshot needed are looked for from the beginning.</summary>
    public void BeginAnew()
    {
        _prunedTo = 0;
        _due = default;
    }

    /// <summary>Does what is due. <paramref name="isWanted"/>: whether somebody waits for the thread, who comes first.</summary>
    public void Run(StoreFiles files, Func<bool> isWanted)
    {
        var now = options.TimeProvider.GetUtcNow();
        if (!IsFull(files) && now < _due)
        {
            return;
        }

        var more = files.Present.ShrinkABit();
        if (files.History is { } history)
        {
            more |= Forget(history, now, IsFull(files));
            // As much goes as came with the last step, or the file would grow as long as commits do not pause.
            while (IsFull(files) && !isWanted() && Forget(history, now, full: true))
            {
            }
        }

        _due = more ? now : now + Interval;
    }

    private bool IsFull(StoreFiles files) => files.History is { } history && history.UsedBytes > options.HistoryBytes;

    /// <summary>Forgets a part of what is beyond the bounds; false when there was nothing to forget.</summary>
    private bool Forget(HistoryFile file, DateTimeOffset now, bool full)
    {
        var floor = file.RevisionAt((now - options.HistorySpan).ToUnixTimeMilliseconds());
        var some = Array.Find(s_roomRows, rows => file.RevisionAfterOldest(4 * rows) is not null);
        if (full && file.RevisionAfterOldest(some) is { } revision && revision > (floor?.Revision ?? 0))
        {
            floor = new CommitTime(revision, file.TimeOf(revision) ?? file.Bounds.FloorMs);
        }

        var target = floor is { } found && found.Revision > file.Bounds.Floor ? found : new CommitTime(file.Bounds.Floor, file.Bounds.FloorMs);
        var before = _prunedTo;
        if (before < target.Revision)
        {
            _prunedTo = file.Prune(before, target, MostRows);
        }

        return file.ShrinkABit() || _prunedTo > before;
    }
}
