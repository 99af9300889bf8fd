using Gantry.Faults;
using Gantry.Store.Sqlite.History;
using Gantry.Store.Watch;

namespace Gantry.Store.Sqlite;

/// <summary>The writer loop: the only code that changes the file, the state and the window.</summary>
public sealed partial class SqliteStore
{
    // Rows that a batch may delete for each that it appends, so that the file does not grow however busy it is; and at least so many.
    private const int DeletesPerRow = 2;
    private const int LeastDeletes = 4;

    // Rows that are deleted at once when nobody commits, and how long that must be so.
    private const int IdleDeletes = 512;
    private static readonly TimeSpan s_idle = TimeSpan.FromMilliseconds(100);

    // How far the history may fall behind before commits are slowed down, by a millisecond a batch and then by ten: a bound on what waits in the log.
    private const long MuchLag = 100_000;
    private const long MostLag = 200_000;

    // A batch of so many commits means that the processors are wanted for more of them.
    private const int BusyBatch = 8;

    // How often the processor is left to those who were just answered before the next batch is written.
    private const int MostYields = 8;

    // What a row costs in the log beside its key and value, about: the frame of a page that it shares.
    private const int RowOverheadBytes = 1024;

    // Rows that the batch that is being written supersedes: they count only once it is durable.
    private readonly List<SupersededRow> _supersededInBatch = [];

    private readonly List<Outcome> _outcomes = [];

    // Held by whoever writes: the loop, or a writer that is alone. It guards everything above and the log.
    private readonly object _writing = new();
    private readonly List<PendingCommit> _alone = [];
    private (SqliteFault Failure, int Deleted)? _inDoubt;
    private bool _waitsForever;
    private int _inlineCommits;
    private volatile int _lastBatch;
    private bool _compactionUnwritten;
    private long _compactedMs;

    private void RunWriter()
    {
        var batch = new List<PendingCommit>(MaxBatch);
        var last = 0;
        var patience = Timeout.InfiniteTimeSpan;
        while (_queue.Take(batch, MaxBatch, patience, out var timedOut))
        {
            Gather(batch, last);
            last = batch.Count;
            lock (_writing)
            {
                try
                {
                    if (_inDoubt is not null && _refusal is { } refusal)
                    {
                        // They came before the failure was known; what settles it may take as long as the disk does.
                        batch.ForEach(pending => pending.Completion.TrySetException(refusal));
                        batch.Clear();
                    }

                    Settle();
                    batch.RemoveAll(DoWork);
                    if (batch.Count > 0)
                    {
                        Apply(batch);
                        Settle();
                        MoveWindow(batch.Count);
                    }

                    Tidy(idle: timedOut && _inlineCommits == 0);
                }
                catch (Exception broken)
                {
                    Stop(batch, broken);
                    return;
                }

                if (timedOut && _archiver is not null)
                {
                    _archiver.IsBusyTime = false;
                }

                // While there is something to delete or a rush to end, an empty queue is not waited for without end.
                _waitsForever = !_forgotten.Any(_state.CompactedRevision) && _archiver is not { IsBusyTime: true };
                patience = _waitsForever ? Timeout.InfiniteTimeSpan : s_idle;
                _inlineCommits = 0;
                _lastBatch = last > 0 ? last : _lastBatch;
            }

            batch.Clear();
        }

        lock (_writing)
        {
            try
            {
                // Of a writer that was alone while the store was being closed.
                Settle();
            }
            catch (Exception broken)
            {
                Stop([], broken);
            }
        }
    }

    /// <summary>
    /// One writer alone needs no batch: it commits on its own thread when nobody else does, which saves two changes of threads. As soon as a
    /// batch had more than one commit, all go through the queue again.
    /// </summary>
    private bool TryCommitHere(PendingCommit pending)
    {
        if (_lastBatch > 1 || _refusal is not null || !_queue.IsEmpty || !Monitor.TryEnter(_writing))
        {
            return false;
        }

        try
        {
            if (_closing || _refusal is not null || !_queue.IsEmpty)
            {
                return false;
            }

            _alone.Clear();
            _alone.Add(pending);
            Apply(_alone);
            MoveWindow(commits: 1);
            _inlineCommits++;
            if (_inDoubt is not null || _checkpointer.WriterShouldHelp || _checkpointer.ShouldPrepare || (_waitsForever && _forgotten.Any(_state.CompactedRevision)))
            {
                // What takes long, or needs no commit to wait for it, is the loop's.
                _waitsForever = false;
                _queue.Wake();
            }
        }
        catch (Exception broken)
        {
            Stop(_alone, broken);
        }
        finally
        {
            Monitor.Exit(_writing);
        }

        return true;
    }

    /// <summary>Learns from the file what became of a batch in doubt, if there is one.</summary>
    private void Settle()
    {
        if (_inDoubt is { } doubt)
        {
            _inDoubt = null;
            Recover(doubt.Failure, doubt.Deleted);
        }
    }

    /// <summary>
    /// Those who were answered a moment ago are about to write again. Without them the first one's fsync would be for him alone, and
    /// every other one for all the rest.
    /// </summary>
    private void Gather(List<PendingCommit> batch, int last)
    {
        for (var yields = 0; batch.Count > 0 && batch.Count < last / 2 && yields < MostYields; yields++)
        {
            Thread.Yield();
            _queue.Take(batch, MaxBatch, TimeSpan.Zero, out _);
        }
    }

    private bool DoWork(PendingCommit pending)
    {
        if (pending.Work is null)
        {
            return false;
        }

        try
        {
            pending.Work(_log);
            // It may have emptied the log.
            _checkpointer.Forget();
            pending.Completion.TrySetResult(new StoreCommit(_state.Revision));
        }
        catch (SqliteFault failure)
        {
            pending.Completion.TrySetException(failure);
            RecoverFrom(failure);
        }

        return true;
    }

    /// <summary>After a failure of something that was no commit.</summary>
    private void RecoverFrom(SqliteFault failure)
    {
        _log.Rollback();
        _outcomes.Clear();
        _supersededInBatch.Clear();
        if (!failure.LeavesNoDoubt)
        {
            Recover(failure, deleted: 0);
        }
    }

    /// <summary>After a broken expectation nothing more may be acknowledged: everybody who waits is told, reads go on.</summary>
    private void Stop(List<PendingCommit> batch, Exception reason)
    {
        var fault = new FaultException((reason as FaultException)?.Kind ?? FaultKind.Internal, $"the store stopped: {reason.Message}", reason);
        _refusal = fault;
        _queue.Close();
        _outcomes.ForEach(outcome => outcome.Pending.Completion.TrySetException(fault));
        FailAll(batch, fault);
        _hub.Close();
    }

    private void FailAll(List<PendingCommit> batch, FaultException fault)
    {
        batch.ForEach(pending => pending.Completion.TrySetException(fault));
        var queued = new List<PendingCommit>();
        while (!_queue.IsEmpty && _queue.Take(queued, MaxQueuedCommits, TimeSpan.Zero, out _))
        {
            queued.ForEach(pending => pending.Completion.TrySetException(fault));
            queued.Clear();
        }
    }

    private void Apply(List<PendingCommit> batch)
    {
        var state = _state;
        _outcomes.Clear();
        _supersededInBatch.Clear();
        var deleted = 0;
        try
        {
            _log.Begin();
            var (revision, bytes) = WriteAll(batch, state);
            if (revision == state.Revision && !_compactionUnwritten)
            {
                _log.Rollback();
            }
            else
            {
                deleted = DeleteSome(Math.Max(LeastDeletes, DeletesPerRow * batch.Count), idle: false);
                _log.Commit();
                _checkpointer.Wrote(bytes);
            }
        }
        catch (Exception failure)
        {
            _log.Rollback();
            if (failure is SqliteFault { LeavesNoDoubt: false } doubtful)
            {
                // Those who were not reached: their part was never committed, whatever became of the rest.
                var unwritten = new FaultException(FaultKind.Unavailable, $"nothing was written: {doubtful.Message}", doubtful);
                batch.Skip(_outcomes.Count).ToList().ForEach(pending => pending.Completion.TrySetException(unwritten));
                // Nobody else is acknowledged or refused by mistake until the loop has settled it.
                _refusal = Refusal(doubtful);
                _inDoubt = (doubtful, deleted);
                _queue.Wake();
                return;
            }

            batch.ForEach(pending => pending.Completion.TrySetException(failure));
            return;
        }

        Written(deleted);
        Publish();
    }

    private (long Revision, long Bytes) WriteAll(List<PendingCommit> batch, StoreState state)
    {
        var root = state.Root;
        var revision = state.Revision;
        var time = state.CommittedMs;
        var bytes = 0L;
        foreach (var pending in batch)
        {
            if (pending.CompactTo > 0)
            {
                Compact(pending.CompactTo);
                _outcomes.Add(new Outcome(pending, new StoreCommit(revision), null));
                continue;
            }

            // The clock may be set back; history's may not, since times are how people find revisions.
            time = Math.Max(time, _options.TimeProvider.GetUtcNow().ToUnixTimeMilliseconds());
            var item = Write(pending, ref root, revision, time, ref bytes, out var outcome);
            revision = item?.Revision ?? revision;
            _outcomes.Add(new Outcome(pending, outcome, item));
        }

        return (revision, bytes);
    }

    private HistoryItem? Write(PendingCommit pending, ref KeyTree? root, long revision, long time, ref long bytes, out StoreCommit outcome)
    {
        for (var i = 0; i < pending.Operations.Count; i++)
        {
            var operation = pending.Operations[i];
            if (operation.ExpectedModRevision is { } expected && KeyTree.Find(root, operation.Key) is var found && expected != (found?.ModRevision ?? 0))
            {
                outcome = new StoreCommit(revision, i, found);
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
            _log.Append(id, operation.Key, operation.Value, created, time);
            bytes += RowOverheadBytes + operation.Key.Length + (operation.Value?.Length ?? 0);
            root = operation.Value is { } value
                ? KeyTree.Set(root, new StoredEntry(operation.Key, value, created, next, id, time))
                : KeyTree.Remove(root, operation.Key);
            events.Add(new StoreEvent(operation.Key, next, created, operation.Value, present?.Value));
            Supersede(next, id, operation.Value is null, present);
        }

        outcome = new StoreCommit(events.Count > 0 ? next : revision);
        return events.Count > 0 ? new HistoryItem(next, events, root, time) : null;
    }

    private void Supersede(long revision, long id, bool deletion, StoreEntry? previous)
    {
        if (previous is not null)
        {
            _supersededInBatch.Add(new SupersededRow(revision, ((StoredEntry)previous).RowId));
        }

        if (deletion)
        {
            _supersededInBatch.Add(new SupersededRow(revision, id));
        }
    }

    /// <summary>The batch is durable: what goes with it counts.</summary>
    private void Written(int deleted)
    {
        _compactionUnwritten = false;
        _forgotten.Deleted(deleted);
        _forgotten.Add(_supersededInBatch);
    }

    private void Publish()
    {
        foreach (var (pending, outcome, item) in _outcomes)
        {
            if (item is not null)
            {
                // Before the state, so that whoever sees the new state finds all of it here.
                _newest.Apply(item);
                _state = _state with { Root = item.Root, Revision = item.Revision, CommittedMs = item.CommittedMs };
                _hub.Publish(item);
            }

            pending.Completion.TrySetResult(outcome);
        }
    }

    /// <summary>Keeps the window within its bounds. Only memory changes here; the file hears of it with the next commit.</summary>
    private void MoveWindow(int commits)
    {
        var oldest = (_options.TimeProvider.GetUtcNow() - _options.WindowAge).ToUnixTimeMilliseconds();
        if (_hub.RevisionBefore(_options.WindowCommits, oldest) is { } revision
            && revision >= _state.CompactedRevision + Math.Max(64, _options.WindowCommits / 16))
        {
            Compact(revision);
        }

        if (_archiver is { } archiver)
        {
            archiver.IsBusyTime = commits >= BusyBatch;
            // The history is slower than the commits: nothing is lost by waiting for it.
            if (archiver.Lag is > MuchLag and var lag && !_closing)
            {
                Thread.Sleep(lag > MostLag ? 10 : 1);
            }
        }
    }

    private void Compact(long revision)
    {
        if (revision <= _state.CompactedRevision)
        {
            return;
        }

        var forgotten = _hub.Compact(revision);
        _compactedMs = forgotten.Count > 0 ? forgotten[^1].TimeMs : _compactedMs;
        _state = _state with { CompactedRevision = revision };
        _compactionUnwritten = true;
        _archiver?.Advance(revision, forgotten);
    }

    /// <summary>Deletes rows in the open transaction, and says in it how far back the file then reaches.</summary>
    private int DeleteSome(int most, bool idle)
    {
        var count = _forgotten.DeleteSome(_log, most, _state.CompactedRevision, idle);
        if (count > 0 || _compactionUnwritten)
        {
            _log.WriteMeta("compacted", _state.CompactedRevision);
            _log.WriteMeta("compacted_time", _compactedMs);
            if (_archiver is null && count > 0)
            {
                _log.WriteMeta("forgotten", _state.CompactedRevision);
            }
        }

        return count;
    }

    /// <summary>What is done between commits: the rest of a long log, and, when nobody waits, deletions and smaller files.</summary>
    private void Tidy(bool idle)
    {
        try
        {
            if (_checkpointer.WriterShouldHelp)
            {
                _checkpointer.Helped();
                _log.Checkpoint(truncate: false);
            }

            _checkpointer.Prepare();
            if (!idle || _refusal is not null || !_forgotten.Any(_state.CompactedRevision))
            {
                return;
            }

            _log.Begin();
            var deleted = DeleteSome(IdleDeletes, idle: true);
            _log.Commit();
            _compactionUnwritten = false;
            _forgotten.Deleted(deleted);
            _log.ShrinkABit();
        }
        catch (SqliteFault failure)
        {
            // After a full disk what could not be deleted waits; commits say what is wrong.
            RecoverFrom(failure);
        }
    }

    private readonly record struct Outcome(PendingCommit Pending, StoreCommit Result, HistoryItem? Item);
}
