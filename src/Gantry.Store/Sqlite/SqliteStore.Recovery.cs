using Gantry.Faults;
using Gantry.Store.Sqlite.History;
using Gantry.Store.Watch;

namespace Gantry.Store.Sqlite;

/// <summary>From the file to memory: at the start, and when a failure left the two in doubt.</summary>
public sealed partial class SqliteStore
{
    private static readonly TimeSpan s_mostPatience = TimeSpan.FromSeconds(1);

    private Archiver OpenHistory()
    {
        var identity = _log.ReadMeta("identity", 0);
        var forgotten = _log.ReadMeta("forgotten", 0);
        var start = new CommitTime(_log.ReadMeta("compacted", 1), _log.ReadMeta("compacted_time", 0));
        return new Archiver(_options, () => HistoryFile.Open(_options.HistoryPath, identity, start, forgotten), start.Revision, _queue.Wake);
    }

    private void CheckHistory()
    {
        try
        {
            _history!.CheckIntegrity();
        }
        catch (FaultException damage) when (damage.Kind == FaultKind.DataLoss)
        {
            Volatile.Write(ref _damage, damage);
        }
        catch (FaultException)
        {
            // The store was closed meanwhile, or the disk failed: whoever reads the history next is told.
        }
    }

    private StoreState Load()
    {
        var compacted = _log.ReadMeta("compacted", 1);
        _compactedMs = _log.ReadMeta("compacted_time", 0);
        var loading = new Loading(new StoreState(null, compacted, compacted, _compactedMs));
        foreach (var row in _log.Read())
        {
            loading.Add(row, _options.Path);
        }

        var (state, rootAtCompaction, window, superseded) = loading.End();
        _newest = new NewestEntries(state.Root);
        _hub.Start(rootAtCompaction, compacted, window);
        _forgotten = new ForgottenRows(_options, _archiver);
        _forgotten.Add(superseded);
        // Times that a history may not have yet: of revisions that the window forgot just before the end.
        _archiver?.Advance(compacted, loading.TimesAfter(_archiver.Bounds.Through, compacted));
        return state;
    }

    /// <summary>
    /// A failed fsync is not repeated: the kernel may have dropped the pages that it could not write and calls them clean, so a second
    /// one that succeeds proves nothing. All connections are closed, the file is opened as after a crash, everything in its log is copied
    /// into it and synced, and what it then says counts, also for the batch that was under way.
    /// </summary>
    private void Recover(SqliteFault failure, int deleted)
    {
        var refusal = Refusal(failure);
        _refusal = refusal;
        var patience = TimeSpan.FromMilliseconds(50);
        while (!TryReopen(out var again))
        {
            var unknown = new FaultException(FaultKind.Unavailable, $"whether this was written is not known: {again.Message}", again);
            _outcomes.ForEach(outcome => outcome.Pending.Completion.TrySetException(unknown));
            FailAll([], refusal);
            if (_closing)
            {
                return;
            }

            Thread.Sleep(patience);
            patience = patience * 2 < s_mostPatience ? patience * 2 : s_mostPatience;
        }

        var rows = _log.Read((_state.Revision + 1) * SqliteLog.MaxOperations).Select(row => row.Id).ToHashSet();
        var batch = _outcomes.Where(outcome => outcome.Item is not null).Sum(outcome => outcome.Item!.Events.Count);
        if (rows.Count == batch && batch > 0)
        {
            // The transaction had reached the disk after all.
            Written(deleted);
            Publish();
        }
        else if (rows.Count > 0)
        {
            throw new FaultException(FaultKind.DataLoss, $"{_options.Path} has {rows.Count} rows that nobody wrote; restore it from a backup");
        }
        else
        {
            var lost = new FaultException(FaultKind.Unavailable, $"nothing was written: {failure.Message}", failure);
            _outcomes.ForEach(outcome => outcome.Pending.Completion.TrySetException(lost));
        }

        _refusal = null;
    }

    private static FaultException Refusal(SqliteFault failure) =>
        new(FaultKind.Unavailable, $"writes are refused until the disk can be written again: {failure.Message}", failure);

    private bool TryReopen(out FaultException failure)
    {
        _checkpointer.Release();
        _archiver?.ReleaseLog();
        _log.Dispose();
        try
        {
            _log = SqliteLog.Open(_options.Path, _options.TimeProvider.GetUtcNow());
            _log.Checkpoint(truncate: true);
            _checkpointer.Forget();
            CheckPresent();
            failure = null!;
            return true;
        }
        catch (SqliteFault again) when (again.Kind != FaultKind.DataLoss)
        {
            failure = again;
            return false;
        }
    }

    /// <summary>Everything that was acknowledged must still be there.</summary>
    private void CheckPresent()
    {
        var ids = _log.ReadIds();
        var entries = new List<StoreEntry>();
        // A batch in doubt may have deleted nothing but superseded rows, so every present row is there in either case.
        KeyTree.Copy(_state.Root, 0, int.MaxValue, entries);
        if (entries.FirstOrDefault(entry => !ids.Contains(((StoredEntry)entry).RowId)) is { } missing)
        {
            throw new FaultException(FaultKind.DataLoss, $"{_options.Path} lost {missing.Key} at revision {missing.ModRevision} when the disk failed; restore it from a backup");
        }
    }
}
