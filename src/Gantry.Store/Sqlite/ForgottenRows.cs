using Gantry.Store.Sqlite.History;

namespace Gantry.Store.Sqlite;

/// <summary>
/// Rows that the log may forget: superseded before the window, and in the history where there is one. They are deleted thousands
/// together, in the order in which they lie in the file: one by one, each would rewrite a page of its own. Used by whoever writes.
/// </summary>
internal sealed class ForgottenRows(SqliteStoreOptions options, Archiver? archiver)
{
    private const int MostTogether = 4096;
    private const int LeastTogether = 4;

    // Without history: what a newer row of the same key made unnecessary, in the order of revisions.
    private readonly Queue<SupersededRow> _superseded = new();
    private readonly List<long> _rows = [];
    private int _next;

    /// <summary>Takes note of rows that durable commits superseded.</summary>
    public void Add(IReadOnlyList<SupersededRow> rows)
    {
        if (archiver is not null)
        {
            archiver.Add(rows);
            return;
        }

        foreach (var row in rows)
        {
            _superseded.Enqueue(row);
        }
    }

    /// <summary>Whether there are any, given the revision up to which the window has forgotten.</summary>
    public bool Any(long compacted) => _next < _rows.Count || archiver is { HasArchived: true } || IsForgotten(compacted);

    /// <summary>
    /// Deletes some in the open transaction and gives how many; <see cref="Deleted"/> makes it count. Few are left to become more, unless
    /// nobody commits.
    /// </summary>
    public int DeleteSome(SqliteLog log, int most, long compacted, bool idle)
    {
        if (_next == _rows.Count)
        {
            Refill(compacted, idle ? 1 : Math.Min(MostTogether, Math.Max(LeastTogether, options.WindowCommits / 2)));
        }

        var count = Math.Min(most, _rows.Count - _next);
        for (var i = 0; i < count; i++)
        {
            log.Delete(_rows[_next + i]);
        }

        return count;
    }

    /// <summary>The transaction in which the next <paramref name="count"/> were deleted is durable.</summary>
    public void Deleted(int count) => _next += count;

    private void Refill(long compacted, int worthIt)
    {
        _rows.Clear();
        _next = 0;
        if (archiver is not null)
        {
            archiver.TakeArchived(_rows, worthIt, MostTogether);
        }
        else if (_superseded.Count >= worthIt)
        {
            while (_rows.Count < MostTogether && IsForgotten(compacted))
            {
                _rows.Add(_superseded.Dequeue().Id);
            }
        }

        _rows.Sort();
    }

    private bool IsForgotten(long compacted) => _superseded.TryPeek(out var row) && row.SupersededAt <= compacted;
}
