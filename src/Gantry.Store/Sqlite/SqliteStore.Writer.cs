using Gantry.Faults;
using Gantry.Store.Watch;

namespace Gantry.Store.Sqlite;

/// <summary>The writer loop: the only code that changes the file, the state and the history.</summary>
public sealed partial class SqliteStore
{
    // Rows that a newer row of the same key made unnecessary, by the revision that did so. Owned by the writer loop.
    private readonly Queue<(long SupersededAt, long Id)> _superseded = new();

    // The same, of the batch that is being written: they count only once it is durable.
    private readonly List<(long SupersededAt, long Id)> _supersededInBatch = [];

    private StoreState Load()
    {
        var compacted = _log.ReadMeta("compacted", 1);
        var now = _options.TimeProvider.GetUtcNow();
        KeyTree? root = null;
        var rootAtCompaction = default(KeyTree);
        var revision = compacted;
        var history = new List<HistoryItem>();
        var events = new List<StoreEvent>();
        foreach (var row in _log.ReadAll())
        {
            if (row.Revision != revision && events.Count > 0)
            {
                history.Add(new HistoryItem(revision, events, root, now));
                events = [];
            }

            var change = Replay(ref root, row);
            revision = Math.Max(revision, row.Revision);
            if (row.Revision <= compacted)
            {
                rootAtCompaction = root;
            }
            else
            {
                events.Add(change);
            }
        }

        if (events.Count > 0)
        {
            history.Add(new HistoryItem(revision, events, root, now));
        }

        _hub.Start(rootAtCompaction, compacted, history);
        return new StoreState(root, revision, compacted);
    }

    private StoreEvent Replay(ref KeyTree? root, SqliteLog.Row row)
    {
        var previous = KeyTree.Find(root, row.Key);
        if (previous is not null)
        {
            _superseded.Enqueue((row.Revision, RowIdOf(previous)));
        }

        if (row.Value is null)
        {
            _superseded.Enqueue((row.Revision, row.Id));
            root = KeyTree.Remove(root, row.Key);
        }
        else
        {
            root = KeyTree.Set(root, new StoredEntry(row.Key, row.Value, row.CreateRevision, row.Revision, row.Id));
        }

        // A null array would convert to an empty value, which is not a deletion.
        ReadOnlyMemory<byte>? value = row.Value is null ? default(ReadOnlyMemory<byte>?) : row.Value;
        return new StoreEvent(row.Key, row.Revision, row.CreateRevision, value, previous?.Value);
    }

    private void RunWriter()
    {
        var batch = new List<PendingCommit>(MaxBatch);
        while (WaitForWork())
        {
            batch.Clear();
            while (batch.Count < MaxBatch && _queue.Reader.TryRead(out var pending))
            {
                batch.Add(pending);
            }

            try
            {
                Apply(batch);
                CompactHistory();
            }
            catch (Exception broken)
            {
                Stop(batch, broken);
                return;
            }
        }
    }

    /// <summary>After a broken expectation nothing more may be acknowledged: everybody who waits is told, reads go on.</summary>
    private void Stop(List<PendingCommit> batch, Exception reason)
    {
        _queue.Writer.TryComplete();
        while (_queue.Reader.TryRead(out var pending))
        {
            batch.Add(pending);
        }

        batch.ForEach(pending => pending.Completion.TrySetException(new FaultException(FaultKind.Internal, $"the store stopped: {reason.Message}", reason)));
        _hub.Close();
    }

    private bool WaitForWork()
    {
        var ready = _queue.Reader.WaitToReadAsync();
        // This thread belongs to the loop; blocking it costs nothing and keeps the commit path free of thread hops.
        return ready.IsCompleted ? ready.Result : ready.AsTask().GetAwaiter().GetResult();
    }

    private void Apply(List<PendingCommit> batch)
    {
        var root = _state.Root;
        var revision = _state.Revision;
        var outcomes = new List<(PendingCommit Pending, StoreCommit Outcome, HistoryItem? Item)>(batch.Count);
        _supersededInBatch.Clear();
        try
        {
            _log.Begin();
            foreach (var pending in batch)
            {
                if (pending.CompactTo > 0)
                {
                    outcomes.Add((pending, new StoreCommit(revision), null));
                    continue;
                }

                var item = Write(pending, ref root, revision, out var outcome);
                revision = item?.Revision ?? revision;
                outcomes.Add((pending, outcome, item));
            }

            if (revision > _state.Revision)
            {
                _log.Commit();
            }
            else
            {
                _log.Rollback();
            }
        }
        catch (Exception failure)
        {
            _log.Rollback();
            foreach (var pending in batch)
            {
                pending.Completion.TrySetException(failure);
            }

            return;
        }

        _supersededInBatch.ForEach(_superseded.Enqueue);
        Publish(outcomes);
    }

    private HistoryItem? Write(PendingCommit pending, ref KeyTree? root, long revision, out StoreCommit outcome)
    {
        for (var i = 0; i < pending.Operations.Count; i++)
        {
            var operation = pending.Operations[i];
            var present = KeyTree.Find(root, operation.Key);
            if (operation.ExpectedModRevision is { } expected && expected != (present?.ModRevision ?? 0))
            {
                outcome = new StoreCommit(revision, i, present);
                return null;
            }
        }

        var next = revision + 1;
        var events = new List<StoreEvent>(pending.Operations.Count);
        foreach (var operation in pending.Operations)
        {
            var present = KeyTree.Find(root, operation.Key);
            if (operation.Value is null && present is null)
            {
                continue;
            }

            var id = (next * SqliteLog.MaxOperations) + events.Count;
            // A deletion's row carries the revision in which the deleted key had been created.
            var created = present?.CreateRevision ?? next;
            _log.Append(id, operation.Key, operation.Value, created);
            root = operation.Value is { } value
                ? KeyTree.Set(root, new StoredEntry(operation.Key, value, created, next, id))
                : KeyTree.Remove(root, operation.Key);
            events.Add(new StoreEvent(operation.Key, next, created, operation.Value, present?.Value));
            Supersede(next, id, operation.Value is null, present);
        }

        outcome = new StoreCommit(events.Count > 0 ? next : revision);
        return events.Count > 0 ? new HistoryItem(next, events, root, _options.TimeProvider.GetUtcNow()) : null;
    }

    private void Supersede(long revision, long id, bool deletion, StoreEntry? previous)
    {
        if (previous is not null)
        {
            _supersededInBatch.Add((revision, RowIdOf(previous)));
        }

        if (deletion)
        {
            _supersededInBatch.Add((revision, id));
        }
    }

    private void Publish(List<(PendingCommit Pending, StoreCommit Outcome, HistoryItem? Item)> outcomes)
    {
        foreach (var (pending, outcome, item) in outcomes)
        {
            if (item is not null)
            {
                _state = _state with { Root = item.Root, Revision = item.Revision };
                _hub.Publish(item);
            }

            if (pending.CompactTo > 0)
            {
                Complete(pending, outcome);
                continue;
            }

            pending.Completion.TrySetResult(outcome);
        }
    }

    private void Complete(PendingCommit compaction, StoreCommit outcome)
    {
        try
        {
            Compact(compaction.CompactTo, int.MaxValue);
            compaction.Completion.TrySetResult(outcome);
        }
        catch (FaultException failure)
        {
            compaction.Completion.TrySetException(failure);
        }
    }

    /// <summary>Keeps the history within its bounds, a few rows at a time so that no commit waits long for it.</summary>
    private void CompactHistory()
    {
        var oldest = _options.TimeProvider.GetUtcNow() - _options.HistoryAge;
        var target = _hub.RevisionBefore(_options.HistoryCommits, oldest);
        // Each compaction is a transaction with an fsync of its own, so it waits until it is worth one.
        if (target is { } revision && revision >= _state.CompactedRevision + Math.Max(64, _options.HistoryCommits / 16))
        {
            try
            {
                Compact(revision, _options.HistoryCommits);
            }
            catch (FaultException)
            {
                // A full disk must not stop the writer: the next round tries again, and writes report the error themselves.
                _log.Rollback();
            }
        }
    }

    private void Compact(long revision, int maxRows)
    {
        if (revision <= _state.CompactedRevision)
        {
            return;
        }

        var rows = new List<long>();
        foreach (var (supersededAt, id) in _superseded)
        {
            if (supersededAt > revision || rows.Count >= maxRows)
            {
                break;
            }

            rows.Add(id);
        }

        _log.Begin();
        rows.ForEach(_log.Delete);
        _log.WriteMeta("compacted", revision);
        _log.Commit();
        for (var i = 0; i < rows.Count; i++)
        {
            _superseded.Dequeue();
        }

        _state = _state with { CompactedRevision = revision };
        _hub.Compact(revision);
    }

    private static long RowIdOf(StoreEntry entry) => ((StoredEntry)entry).RowId;
}
