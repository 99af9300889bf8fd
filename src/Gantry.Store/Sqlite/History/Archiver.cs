using Gantry.Faults;

namespace Gantry.Store.Sqlite.History;

/// <summary>
/// Moves superseded rows into the file of history, on a thread of its own: it reads them on a connection of its own, and tells the
/// writer which rows the log may forget once their copies are durable. It also forgets the history that is beyond its bounds.
/// </summary>
internal sealed class Archiver : IDisposable
{
    // Rows of one transaction; bounds its memory, and the time that a snapshot waits.
    private const int MaxBatch = 2048;

    // So many rows are worth an fsync at once; fewer wait for a second.
    private const int WorthIt = 512;

    // How many oldest rows make room when the file is full.
    private const int PruneRows = 1024;

    // Rows between two checkpoints of the file, which this thread does between two of its transactions.
    private const int CheckpointRows = 8192;

    // How far it may be behind for the sake of commits that want the processors.
    private const long FarBehind = 50_000;

    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan s_pruneInterval = TimeSpan.FromSeconds(30);

    private readonly object _gate = new();
    private readonly Queue<SupersededRow> _rows = new();
    private readonly Queue<CommitTime> _times = new();
    private readonly Queue<Action<Func<HistoryFile>>> _jobs = new();
    private readonly Queue<long> _archived = new();
    private readonly List<(long Revision, TaskCompletionSource Done)> _waiters = [];
    private readonly SqliteStoreOptions _options;
    private readonly Func<HistoryFile> _open;
    private readonly Action _archivedSome;
    private readonly LogReader _log;
    private readonly Thread _thread;
    private HistoryFile? _file;
    private long _target;
    private long _prunedTo;
    private DateTimeOffset _pruneDue;
    private int _written;
    private FaultException? _failure;
    private bool _closing;

    /// <summary>Takes over a history file; <paramref name="compacted"/> is the revision up to which the window has forgotten.</summary>
    public Archiver(SqliteStoreOptions options, Func<HistoryFile> open, long compacted, Action archivedSome)
    {
        _options = options;
        _open = open;
        _archivedSome = archivedSome;
        _log = new LogReader(options.Path);
        _file = open();
        _target = compacted;
        _prunedTo = _file.Bounds.Floor;
        Bounds = _file.Bounds;
        _thread = new Thread(Run) { IsBackground = true, Name = "store history" };
    }

    /// <summary>What the file holds durably.</summary>
    public HistoryBounds Bounds
    {
        get => Volatile.Read(ref field);
        private set => Volatile.Write(ref field, value);
    }

    /// <summary>How many revisions it is behind the window, when it is not because of a failure.</summary>
    public long Lag
    {
        get
        {
            lock (_gate)
            {
                return _failure is null ? _target - Bounds.Through : 0;
            }
        }
    }

    /// <summary>Set by the writer: many commits wait, and the history comes after them while it is not far behind.</summary>
    public bool IsBusyTime
    {
        get => Volatile.Read(ref field);
        set => Volatile.Write(ref field, value);
    }

    /// <summary>Why nothing is written at present, or null.</summary>
    public FaultException? Failure
    {
        get
        {
            lock (_gate)
            {
                return _failure;
            }
        }
    }

    /// <summary>Whether <see cref="TakeArchived"/> has something to give.</summary>
    public bool HasArchived
    {
        get
        {
            lock (_gate)
            {
                return _archived.Count > 0;
            }
        }
    }

    public void Start() => _thread.Start();

    /// <summary>Takes note of rows that durable commits superseded, in the order of revisions.</summary>
    public void Add(IReadOnlyList<SupersededRow> rows)
    {
        lock (_gate)
        {
            foreach (var row in rows)
            {
                _rows.Enqueue(row);
            }
        }
    }

    /// <summary>What was superseded up to a revision may move; the times are those of the revisions since the last call.</summary>
    public void Advance(long revision, IEnumerable<CommitTime> times)
    {
        lock (_gate)
        {
            _target = Math.Max(_target, revision);
            foreach (var time in times)
            {
                _times.Enqueue(time);
            }

            Monitor.PulseAll(_gate);
        }
    }

    /// <summary>Rows whose copies are durable, at most so many; none when there are fewer than it is worth.</summary>
    public void TakeArchived(List<long> into, int least, int most)
    {
        lock (_gate)
        {
            for (; _archived.Count + into.Count >= least && most > 0 && _archived.TryDequeue(out var id); most--)
            {
                into.Add(id);
            }
        }
    }

    /// <summary>Completes when everything up to a revision is in the file; fails when the file cannot be written.</summary>
    public Task ReachAsync(long revision, CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            if (Bounds.Through >= revision)
            {
                return Task.CompletedTask;
            }

            if (_failure is { } failure)
            {
                return Task.FromException(failure);
            }

            var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _waiters.Add((revision, done));
            Monitor.PulseAll(_gate);
            return done.Task.WaitAsync(cancellationToken);
        }
    }

    /// <summary>
    /// Runs something between two transactions, on the archiver's thread. Fails when the file cannot be opened again after a failure.
    /// </summary>
    public Task<T> DoAsync<T>(Func<HistoryFile, T> work)
    {
        var done = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_gate)
        {
            if (_closing)
            {
                throw new FaultException(FaultKind.Unavailable, "the store is closed");
            }

            _jobs.Enqueue(open =>
            {
                try
                {
                    done.SetResult(work(open()));
                }
                catch (Exception failure)
                {
                    done.SetException(failure);
                    if (failure is SqliteFault)
                    {
                        throw;
                    }
                }
            });
            Monitor.PulseAll(_gate);
        }

        return done.Task;
    }

    /// <summary>Rows that only a deleted snapshot needed are looked for from the beginning. For use inside <see cref="DoAsync"/>.</summary>
    public void PruneAnew()
    {
        _prunedTo = 0;
        _pruneDue = default;
    }

    /// <summary>Closes the connection to the log, before the log is opened anew.</summary>
    public void ReleaseLog() => _log.Release();

    public void Dispose()
    {
        lock (_gate)
        {
            _closing = true;
            Monitor.PulseAll(_gate);
        }

        if (!_thread.ThreadState.HasFlag(ThreadState.Unstarted))
        {
            _thread.Join();
        }

        _file?.Dispose();
        _log.Dispose();
    }

    private void Run()
    {
        while (WaitForWork(out var job))
        {
            try
            {
                job?.Invoke(() => _file ??= Reopen());
                _file ??= Reopen();
                Move(_file);
                Prune(_file);
            }
            catch (FaultException failure)
            {
                Fail(failure);
            }
        }

        Fail(new FaultException(FaultKind.Unavailable, "the store is closed"));
    }

    private bool WaitForWork(out Action<Func<HistoryFile>>? job)
    {
        lock (_gate)
        {
            var patience = s_patience;
            while (!_closing && !_jobs.TryPeek(out _) && !IsUrgent() && patience > TimeSpan.Zero)
            {
                var began = _options.TimeProvider.GetTimestamp();
                // Nothing to move: the next thing to do is to forget what has become too old.
                var idle = _target <= Bounds.Through && _failure is null;
                if (!Monitor.Wait(_gate, idle ? s_pruneInterval : patience))
                {
                    break;
                }

                patience -= idle ? TimeSpan.Zero : _options.TimeProvider.GetElapsedTime(began);
            }

            // After a failure the file is opened again by whatever comes next, at the latest when patience ends.
            _jobs.TryDequeue(out job);
            return !_closing;
        }
    }

    private bool IsUrgent() =>
        _failure is null && _target > Bounds.Through
        && (_waiters.Count > 0 || (_rows.Count >= WorthIt && _target - Bounds.Through >= (IsBusyTime ? FarBehind : WorthIt)));

    private HistoryFile Reopen()
    {
        var file = _open();
        try
        {
            // What a failed fsync left in doubt is copied into the file and synced, so that what was read is also durable.
            file.Checkpoint(truncate: true);
        }
        catch
        {
            file.Dispose();
            throw;
        }

        Bounds = file.Bounds;
        lock (_gate)
        {
            _failure = null;
        }

        return file;
    }

    private void Move(HistoryFile file)
    {
        SkipArchived();
        List<SupersededRow> rows;
        CommitTime[] times;
        long through;
        lock (_gate)
        {
            if (_target <= Bounds.Through || (IsBusyTime && !IsUrgent()))
            {
                Reached();
                return;
            }

            // A revision moves as a whole, so that the mark says all.
            rows = [];
            foreach (var row in _rows)
            {
                if (row.SupersededAt > _target || (rows.Count >= MaxBatch && row.SupersededAt != rows[^1].SupersededAt))
                {
                    break;
                }

                rows.Add(row);
            }

            through = rows.Count < MaxBatch ? _target : rows[^1].SupersededAt;
            times = [.. _times.TakeWhile(time => time.Revision <= through)];
        }

        file.Add(rows, _log.Read(rows), times, through);
        Bounds = file.Bounds;
        SkipArchived();
        lock (_gate)
        {
            Reached();
        }

        _written += rows.Count;
        if (_written >= CheckpointRows)
        {
            _written = 0;
            file.Checkpoint(truncate: false);
        }

        _archivedSome();
    }

    // Rows that are durably in the file: the writer may delete them once the window has forgotten them too.
    private void SkipArchived()
    {
        lock (_gate)
        {
            var safe = Math.Min(Bounds.Through, _target);
            while (_rows.TryPeek(out var row) && row.SupersededAt <= safe)
            {
                _archived.Enqueue(_rows.Dequeue().Id);
            }

            while (_times.TryPeek(out var time) && time.Revision <= safe)
            {
                _times.Dequeue();
            }
        }
    }

    private void Reached()
    {
        foreach (var (_, done) in _waiters.Where(waiter => waiter.Revision <= Bounds.Through))
        {
            done.TrySetResult();
        }

        _waiters.RemoveAll(waiter => waiter.Revision <= Bounds.Through);
    }

    private void Prune(HistoryFile file)
    {
        var now = _options.TimeProvider.GetUtcNow();
        var full = file.UsedBytes > _options.HistoryBytes;
        if (!full && now < _pruneDue)
        {
            return;
        }

        var floor = file.RevisionAt((now - _options.HistorySpan).ToUnixTimeMilliseconds());
        if (full && file.RevisionAfterOldest(PruneRows) is { } revision && revision > (floor?.Revision ?? 0))
        {
            floor = new CommitTime(revision, file.TimeOf(revision) ?? file.Bounds.FloorMs);
        }

        var target = floor is { } found && found.Revision > file.Bounds.Floor ? found : new CommitTime(file.Bounds.Floor, file.Bounds.FloorMs);
        if (_prunedTo < target.Revision)
        {
            _prunedTo = file.Prune(_prunedTo, target);
            Bounds = file.Bounds;
        }

        var more = _prunedTo < target.Revision || file.ShrinkABit();
        _pruneDue = more || full ? now : now + s_pruneInterval;
    }

    private void Fail(FaultException failure)
    {
        _file?.Dispose();
        _file = null;
        lock (_gate)
        {
            _failure = failure;
            foreach (var (_, done) in _waiters)
            {
                done.TrySetException(failure);
            }

            _waiters.Clear();
            if (_closing)
            {
                while (_jobs.TryDequeue(out var job))
                {
                    job(static () => throw new FaultException(FaultKind.Unavailable, "the store is closed"));
                }
            }
        }
    }
}
