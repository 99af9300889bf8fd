using Gantry.Faults;
using Gantry.Store.Sqlite.Commits;
using Gantry.Store.Watch;

namespace Gantry.Store.Sqlite;

/// <summary>The writer loop: the only code that changes the log, the state and the window.</summary>
public sealed partial class SqliteStore
{
    // How long nobody commits before a rush is over.
    private static readonly TimeSpan s_idle = TimeSpan.FromMilliseconds(100);

    // How long a batch waits at most for the files that are far behind; while they get on, that is less.
    private static readonly TimeSpan s_mostDelay = TimeSpan.FromMilliseconds(100);

    // A batch of so many commits means that the processors are wanted for more of them.
    private const int BusyBatch = 8;

    // How often the processor is left to those who were just answered before the next batch is written.
    private const int MostYields = 8;

    private readonly List<Outcome> _outcomes = [];
    private readonly List<HistoryItem> _published = [];
    private long _edit;
    private KeyTree? _root;
    private readonly CommitFrame _frame = new();

    // Held by whoever writes: the loop, or a writer that is alone. It guards everything above and the log.
    private readonly object _writing = new();
    private readonly List<PendingCommit> _alone = [];
    private LogFault? _inDoubt;
    private volatile int _lastBatch;
    private bool _compactionAsked;
    private long _compactedMs;

    private void RunWriter()
    {
        var batch = new List<PendingCommit>(MaxBatch);
        var last = 0;
        while (_queue.Take(batch, MaxBatch, _archiver.IsBusyTime ? s_idle : Timeout.InfiniteTimeSpan, out var timedOut))
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
                        batch.ForEach(pending => pending.TrySetException(refusal));
                        batch.Clear();
                    }

                    Settle();
                    batch.RemoveAll(DoWork);
                    Apply(batch);
                    Settle();
                    MoveWindow(batch.Count);
                }
                catch (Exception broken)
                {
                    Stop(batch, broken);
                    return;
                }

                if (timedOut)
                {
                    _archiver.IsBusyTime = false;
                }

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
            if (_closing.IsCancellationRequested || _refusal is not null || !_queue.IsEmpty || _archiver.IsBehind)
            {
                return false;
            }

            _alone.Clear();
            _alone.Add(pending);
            Apply(_alone);
            MoveWindow(commits: 1);
            if (_inDoubt is not null)
            {
                // What settles it may take long, and is the loop's.
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
            pending.Work();
            pending.TrySetResult(new StoreCommit(_state.Revision));
        }
        catch (LogFault failure)
        {
            pending.TrySetException(failure);
            _outcomes.Clear();
            if (!failure.LeavesNoDoubt)
            {
                Recover(failure);
            }
        }

        return true;
    }

    /// <summary>After a broken expectation nothing more may be acknowledged: everybody who waits is told, reads go on.</summary>
    private void Stop(List<PendingCommit> batch, Exception reason)
    {
        var fault = new FaultException((reason as FaultException)?.Kind ?? FaultKind.Internal, $"the store stopped: {reason.Message}", reason);
        _refusal = fault;
        _queue.Close();
        _outcomes.ForEach(outcome => outcome.Pending.TrySetException(fault));
        FailAll(batch, fault);
        _hub.Close();
    }

    private void FailAll(List<PendingCommit> batch, FaultException fault)
    {
        batch.ForEach(pending => pending.TrySetException(fault));
        var queued = new List<PendingCommit>();
        while (!_queue.IsEmpty && _queue.Take(queued, MaxQueuedCommits, TimeSpan.Zero, out _))
        {
            queued.ForEach(pending => pending.TrySetException(fault));
            queued.Clear();
        }
    }

    private void Apply(List<PendingCommit> batch)
    {
        // Usually all of it is one frame; commits of many bytes are several, so that the first of them need not wait for the last.
        for (var from = 0; from < batch.Count;)
        {
            from = Apply(batch, from);
        }
    }

    /// <summary>Makes one frame's worth of commits durable and publishes them; gives the index of the first that is left.</summary>
    private int Apply(List<PendingCommit> batch, int from)
    {
        _outcomes.Clear();
        try
        {
            var (next, revision) = WriteAll(batch, from);
            if (!_frame.IsEmpty || _compactionAsked)
            {
                _frame.End(_state.CompactedRevision, _compactedMs);
                _log.Append(_frame, revision);
                _compactionAsked = false;
            }

            Publish();
            return next;
        }
        catch (LogFault doubtful) when (!doubtful.LeavesNoDoubt)
        {
            // Those who were not reached: their part was never committed, whatever became of the rest.
            var unwritten = new FaultException(FaultKind.Unavailable, $"nothing was written: {doubtful.Message}", doubtful);
            batch.Skip(from + _outcomes.Count).ToList().ForEach(pending => pending.TrySetException(unwritten));
            // Nobody else is acknowledged or refused by mistake until the loop has settled it.
            _refusal = Refused(doubtful);
            _inDoubt = doubtful;
        }
        catch (Exception failure) when (failure is LogFault or OutOfMemoryException)
        {
            batch.Skip(from).ToList().ForEach(pending => pending.TrySetException(failure));
        }

        return batch.Count;
    }

    private (int Next, long Revision) WriteAll(List<PendingCommit> batch, int from)
    {
        var root = _state.Root;
        var revision = _state.Revision;
        var time = _state.CommittedMs;
        var next = from;
        _edit++;
        _frame.Begin(revision);
        for (; next < batch.Count && _frame.Length < CommitLog.MostFrameBytes; next++)
        {
            var pending = batch[next];
            if (pending.CompactTo > 0)
            {
                Compact(pending.CompactTo);
                _compactionAsked = true;
                _outcomes.Add(new Outcome(pending, new StoreCommit(revision), null));
                continue;
            }

            // The clock may be set back; history's may not, since times are how people find revisions.
            time = Math.Max(time, _options.TimeProvider.GetUtcNow().ToUnixTimeMilliseconds());
            var item = Write(pending, ref root, revision, time, out var outcome);
            revision = item?.Revision ?? revision;
            _outcomes.Add(new Outcome(pending, outcome, item));
        }

        _root = root;
        return (next, revision);
    }

    private HistoryItem? Write(PendingCommit pending, ref KeyTree? root, long revision, long time, out StoreCommit outcome)
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
        var changes = new StoredChange[pending.Operations.Count];
        var count = 0;
        foreach (var operation in pending.Operations)
        {
            var present = (StoredEntry?)KeyTree.Find(root, operation.Key);
            if (operation.Value is null && present is null)
            {
                continue;
            }

            if (count == 0)
            {
                _frame.BeginCommit(next, time);
            }

            var id = (next * StoredChange.MaxOperations) + count;
            // A deletion carries the revision in which the deleted key had been created.
            var created = present?.CreateRevision ?? next;
            _frame.Add(count, operation.Key, operation.Value, created);
            var entry = operation.Value is { } value ? new StoredEntry(operation.Key, value, created, next, id, time) : null;
            root = entry is not null ? KeyTree.Set(root, entry, _edit) : KeyTree.Remove(root, operation.Key, _edit);
            changes[count++] = new StoredChange(operation.Key, id, created, present, entry);
        }

        outcome = new StoreCommit(count > 0 ? next : revision);
        return count == 0 ? null
            : new HistoryItem(next, count == changes.Length ? changes : changes[..count], null, false, time);
    }

    private void Publish()
    {
        _published.Clear();
        foreach (var (_, _, item) in _outcomes)
        {
            if (item is not null)
            {
                // Before the state, so that whoever sees the new state finds all of it here.
                _newest.Apply(item);
                _published.Add(item);
            }
        }

        if (_published is [.., var last])
        {
            // In between the tree is being changed; now it is what it stays.
            last = last with { Root = _root, HasRoot = true };
            _published[^1] = last;
            _hub.Add(_published);
            _state = _state with { Root = _root, Revision = last.Revision, CommittedMs = last.CommittedMs };
            _hub.Dispatch(_published);
        }

        foreach (var (pending, outcome, _) in _outcomes)
        {
            pending.TrySetResult(outcome);
        }
    }

    /// <summary>Keeps the window within its bounds, and commits behind what the files can take.</summary>
    private void MoveWindow(int commits)
    {
        var oldest = (_options.TimeProvider.GetUtcNow() - _options.WindowAge).ToUnixTimeMilliseconds();
        if (_hub.RevisionBefore(_options.WindowCommits, oldest) is { } revision
            && revision >= _state.CompactedRevision + Math.Max(64, _options.WindowCommits / 16))
        {
            Compact(revision);
        }

        if (commits > 0)
        {
            _archiver.IsBusyTime = commits >= BusyBatch;
            _archiver.WaitForRoom(s_mostDelay);
        }
    }

    private void Compact(long revision)
    {
        if (revision <= _state.CompactedRevision)
        {
            return;
        }

        var forgotten = _hub.Compact(revision);
        _compactedMs = forgotten.Count > 0 ? forgotten[^1].CommittedMs : _compactedMs;
        _state = _state with { CompactedRevision = revision };
        _archiver.Advance(revision, [.. forgotten.Select(static item => new ForgottenCommit(item.Revision, item.CommittedMs, item.Changes))]);
    }

    private readonly record struct Outcome(PendingCommit Pending, StoreCommit Result, HistoryItem? Item);
}
