using Gantry.Faults;
using Gantry.Store.Sqlite.Commits;

namespace Gantry.Store.Sqlite.History;

/// <summary>
/// Takes what the window has forgotten out of the log of commits, on a thread of its own: what was superseded goes to the file of history,
/// what is current to the store's file, and then the log may forget it. It also forgets the history that is beyond its bounds.
/// </summary>
internal sealed class Archiver : IDisposable
{
    // Bounds of one transaction of the history: of its memory, and of the time that a snapshot waits.
    private const int MostHistoryCommits = 16_384;
    private const long MostHistoryBytes = 32 << 20;

    // So many commits are worth a step at once; fewer wait for a second.
    private const int WorthIt = 512;

    // A step of the store's file: the larger, the more changes of one key become one, and neighbours one page.
    private const long MostStepBytes = 128 << 20;
    private const int MostStepCommits = 65_536;

    // How far it may be behind for the sake of commits that want the processors.
    private const long FarBehindBytes = 64 << 20;
    private const int FarBehindCommits = 50_000;

    // Commits are slowed down from here on: a bound on the log, and on the memory of what waits.
    private const long MuchBytes = 256 << 20;
    private const int MuchCommits = 200_000;

    // How much of a file's write-ahead log is worth the two syncs of a checkpoint.
    private const long CheckpointBytes = 24 << 20;

    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(1);

    private readonly object _gate = new();
    private readonly Queue<ForgottenCommit> _waiting = new();
    private readonly Queue<Action<Func<StoreFiles>>> _jobs = new();
    private readonly List<(long Revision, TaskCompletionSource Done)> _waiters = [];
    private readonly SqliteStoreOptions _options;
    private readonly CommitLog _log;
    private readonly HistoryPruning _pruning;
    private readonly Thread _thread;
    private StoreFiles? _files;
    private long _waitingBytes;
    private long _target;
    private long _sinceCheckpoint;
    private FaultException? _failure;
    private bool _closing;

    /// <summary>Takes over the files; <paramref name="compacted"/> is the revision up to which the window has forgotten.</summary>
    public Archiver(SqliteStoreOptions options, CommitLog log, StoreFiles files, long compacted)
    {
        _options = options;
        _log = log;
        _files = files;
        _target = compacted;
        _pruning = new HistoryPruning(options, files.Bounds.Floor);
        Bounds = files.Bounds;
        Applied = files.Present.Applied;
        _thread = new Thread(Run) { IsBackground = true, Name = "store files" };
    }

    /// <summary>What the file of history holds durably.</summary>
    public HistoryBounds Bounds
    {
        get => Volatile.Read(ref field);
        private set => Volatile.Write(ref field, value);
    }

    /// <summary>The revision whose state the store's file durably holds.</summary>
    public long Applied
    {
        get => Volatile.Read(ref field);
        private set => Volatile.Write(ref field, value);
    }

    /// <summary>Set by the writer: many commits wait, and this comes after them while it is not far behind.</summary>
    public bool IsBusyTime
    {
        get => Volatile.Read(ref field);
        set
        {
            if (Interlocked.Exchange(ref field, value) && !value)
            {
                lock (_gate)
                {
                    // Now there is time for what had to wait.
                    Monitor.PulseAll(_gate);
                }
            }
        }
    }

    /// <summary>Whether so much waits that commits must wait for it.</summary>
    public bool IsBehind
    {
        get
        {
            lock (_gate)
            {
                return _waitingBytes > MuchBytes || _waiting.Count > MuchCommits;
            }
        }
    }

    /// <summary>Why commits are refused, or null: the files cannot be written, and as much waits for them as may.</summary>
    public FaultException? Refusal
    {
        get => Volatile.Read(ref field);
        private set => Volatile.Write(ref field, value);
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

    public void Start() => _thread.Start();

    /// <summary>The window has forgotten up to a revision: these commits.</summary>
    public void Advance(long revision, IReadOnlyList<ForgottenCommit> commits)
    {
        lock (_gate)
        {
            _target = Math.Max(_target, revision);
            foreach (var commit in commits)
            {
                _waiting.Enqueue(commit);
                _waitingBytes += commit.SizeBytes;
            }

            Refuse();
            if (IsUrgent())
            {
                Monitor.PulseAll(_gate);
            }
        }
    }

    /// <summary>Completes when everything up to a revision is in the history; fails when that cannot be written.</summary>
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
    /// Runs something between two transactions, on the archiver's thread. Fails when the files cannot be opened again after a failure.
    /// </summary>
    public Task<T> DoAsync<T>(Func<StoreFiles, T> work)
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

    /// <summary>Moves all that waits, now. For use inside <see cref="DoAsync"/>.</summary>
    public void MoveAll(StoreFiles files)
    {
        while (Move(files, most: true))
        {
        }
    }

    /// <summary>Rows that only a deleted snapshot needed are looked for from the beginning. For use inside <see cref="DoAsync"/>.</summary>
    public void PruneAnew() => _pruning.BeginAnew();

    /// <summary>Waits until commits need not wait any more, at most so long.</summary>
    public void WaitForRoom(TimeSpan patience)
    {
        lock (_gate)
        {
            if (IsBehind && _failure is null && !_closing)
            {
                Monitor.Wait(_gate, patience);
            }
        }
    }

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

        _files?.Dispose();
    }

    private void Run()
    {
        for (var open = true; open;)
        {
            open = WaitForWork(out var job);
            try
            {
                job?.Invoke(() => _files ??= Reopen());
                _files ??= Reopen();
                if (open)
                {
                    Move(_files, most: false);
                    _pruning.Run(_files, IsWanted);
                    Bounds = _files.Bounds;
                }
                else
                {
                    // The next start has less to do.
                    MoveAll(_files);
                }
            }
            catch (FaultException failure)
            {
                Fail(failure);
            }
        }

        Fail(new FaultException(FaultKind.Unavailable, "the store is closed"));
    }

    private bool WaitForWork(out Action<Func<StoreFiles>>? job)
    {
        lock (_gate)
        {
            var patience = s_patience;
            while (!_closing && _jobs.Count == 0 && !IsUrgent() && patience > TimeSpan.Zero)
            {
                var began = _options.TimeProvider.GetTimestamp();
                // Nothing to move: the next thing to do is to forget what has become too old.
                var idle = _waiting.Count == 0 && _failure is null;
                if (!Monitor.Wait(_gate, idle ? HistoryPruning.Interval : patience))
                {
                    break;
                }

                patience -= idle ? TimeSpan.Zero : _options.TimeProvider.GetElapsedTime(began);
            }

            // After a failure the files are opened again by whatever comes next, at the latest when patience ends.
            _jobs.TryDequeue(out job);
            return !_closing;
        }
    }

    private bool IsUrgent() =>
        _failure is null
        && ((_waiters.Count > 0 && _target > Bounds.Through)
            || (IsBusyTime ? _waiting.Count >= FarBehindCommits || _waitingBytes >= FarBehindBytes : _waiting.Count >= WorthIt));

    private void Refuse() => Refusal = IsBehind && _failure is { } failure
        ? new FaultException(FaultKind.Unavailable, $"writes are refused until the store's files can be written: {failure.Message}", failure) : null;

    private StoreFiles Reopen()
    {
        var files = StoreFiles.Open(_options);
        try
        {
            files.Settle(Applied);
        }
        catch
        {
            files.Dispose();
            throw;
        }

        Bounds = files.Bounds;
        Applied = files.Present.Applied;
        Forget();
        lock (_gate)
        {
            _failure = null;
            Refuse();
        }

        return files;
    }

    /// <summary>One step; false when nothing is left, or, unless <paramref name="most"/> is to be done, when it can wait.</summary>
    private bool Move(StoreFiles files, bool most)
    {
        List<ForgottenCommit> step = [];
        long through;
        lock (_gate)
        {
            if (!most && !IsUrgent() && IsBusyTime)
            {
                return false;
            }

            var bytes = 0L;
            foreach (var commit in _waiting.TakeWhile(_ => step.Count < MostStepCommits && bytes < MostStepBytes))
            {
                step.Add(commit);
                bytes += commit.SizeBytes;
            }

            through = step.Count < _waiting.Count ? step[^1].Revision : _target;
        }

        if (!MoveToHistory(files, step, through, most) || step.Count == 0)
        {
            return false;
        }

        files.Present.Apply(step, withoutHistory: files.History is null);
        Applied = files.Present.Applied;
        Bounds = files.Bounds;
        Forget();
        _log.Release(Applied);
        Checkpoint(files, step.Sum(commit => commit.SizeBytes));
        return true;
    }

    // In several transactions: somebody may wait for a job between two of them, and then the rest comes after that.
    private bool MoveToHistory(StoreFiles files, List<ForgottenCommit> step, long through, bool most)
    {
        if (files.History is not { } history)
        {
            return true;
        }

        for (var from = 0; from < step.Count || history.Bounds.Through < through;)
        {
            var bytes = 0L;
            var chunk = step.Skip(from).TakeWhile((commit, i) => i < MostHistoryCommits && (bytes += commit.SizeBytes) < MostHistoryBytes + commit.SizeBytes).ToList();
            from += chunk.Count;
            var reached = from == step.Count ? through : chunk[^1].Revision;
            if (reached <= history.Bounds.Through)
            {
                continue;
            }

            history.Add(chunk, reached);
            Bounds = files.Bounds;
            lock (_gate)
            {
                Reached();
                if (!most && from < step.Count && _jobs.Count > 0)
                {
                    return false;
                }
            }
        }

        return true;
    }

    // What the store's file has need not wait any more.
    private void Forget()
    {
        lock (_gate)
        {
            while (_waiting.TryPeek(out var first) && first.Revision <= Applied)
            {
                _waitingBytes -= _waiting.Dequeue().SizeBytes;
            }

            Reached();
            Monitor.PulseAll(_gate);
        }
    }

    private void Checkpoint(StoreFiles files, long bytes)
    {
        _sinceCheckpoint += 2 * bytes;
        if (_sinceCheckpoint >= CheckpointBytes)
        {
            _sinceCheckpoint = 0;
            files.Present.Checkpoint(truncate: false);
            files.History?.Checkpoint(truncate: false);
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

    private bool IsWanted()
    {
        lock (_gate)
        {
            return _closing || _jobs.Count > 0;
        }
    }

    private void Fail(FaultException failure)
    {
        _files?.Dispose();
        _files = null;
        lock (_gate)
        {
            _failure = failure;
            Refuse();
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
