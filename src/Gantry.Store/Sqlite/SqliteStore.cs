using Gantry.Faults;
using Gantry.Store.Sqlite.History;
using Gantry.Store.Watch;

namespace Gantry.Store.Sqlite;

/// <summary>
/// The embedded store: one file, one process, everything current in memory. Reads never touch the disk. One writer loop takes what
/// has queued, checks expectations in order, appends everything in one transaction (group commit), and then publishes revision by
/// revision: first to readers, then to watchers, then to the committers. What the window of recent revisions forgets moves to a
/// second file, the history.
/// </summary>
public sealed partial class SqliteStore : IStore
{
    // A commit waits for a free place when this many are queued, which slows the writers down to the disk's speed.
    private const int MaxQueuedCommits = 4096;

    // How many commits may share one fsync; bounds the time that the first of them waits.
    private const int MaxBatch = 512;

    private readonly SqliteStoreOptions _options;
    private readonly OwnerLock _owner;
    private readonly Checkpointer _checkpointer;
    private readonly WatchHub _hub = new();
    private readonly Archiver? _archiver;
    private readonly HistoryReader? _history;
    private readonly CommitQueue<PendingCommit> _queue = new(MaxQueuedCommits);

    private readonly Task _writer;
    private SqliteLog _log;
    private NewestEntries _newest = null!;
    private ForgottenRows _forgotten = null!;
    private volatile StoreState _state;
    private volatile FaultException? _refusal;
    private volatile bool _closing;
    private FaultException? _damage;
    private bool _disposed;

    private SqliteStore(SqliteStoreOptions options, OwnerLock owner, SqliteLog log)
    {
        _options = options;
        _owner = owner;
        _log = log;
        _checkpointer = new Checkpointer(options.Path);
        if (options.HistorySpan > TimeSpan.Zero)
        {
            var check = SqliteFile.WasLeftOpen(options.HistoryPath);
            _archiver = OpenHistory();
            _history = new HistoryReader(options.HistoryPath);
            if (check)
            {
                // Reading a whole history takes seconds; the present does not wait for it.
                _ = Task.Run(CheckHistory);
            }
        }

        try
        {
            _state = Load();
        }
        catch
        {
            _archiver?.Dispose();
            throw;
        }

        _checkpointer.Prepare();
        _archiver?.Start();
        _writer = Task.Factory.StartNew(RunWriter, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
    }

    /// <inheritdoc/>
    public long Revision => _state.Revision;

    /// <inheritdoc/>
    public long CompactedRevision => _state.CompactedRevision;

    /// <summary>
    /// Opens or creates the store, after checking what it finds: all of it when the process before was killed. Throws
    /// FailedPrecondition when another process has it open or a newer version wrote it, and DataLoss when it is damaged.
    /// </summary>
    public static SqliteStore Open(SqliteStoreOptions options)
    {
        options.Validate();
        Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(options.Path))!);
        var owner = OwnerLock.Take(options.Path);
        SqliteLog? log = null;
        try
        {
            log = SqliteLog.Open(options.Path, options.TimeProvider.GetUtcNow());
            return new SqliteStore(options, owner, log);
        }
        catch
        {
            log?.Dispose();
            owner.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public ValueTask<StoreEntry?> GetAsync(string key, CancellationToken cancellationToken = default) =>
        ValueTask.FromResult(_newest.Find(_state, key));

    /// <inheritdoc/>
    public ValueTask<StorePage> RangeAsync(StoreRange range, CancellationToken cancellationToken = default)
    {
        var state = _state;
        if (range.Revision == 0 || range.Revision == state.Revision)
        {
            return ValueTask.FromResult(StoreState.Range(state.Root, state.Revision, range));
        }

        state.CheckReadable(range.Revision);
        var root = _hub.RootAt(range.Revision);
        // The window may have moved between the two reads; the second check sees it.
        _state.CheckReadable(range.Revision);
        return ValueTask.FromResult(StoreState.Range(root, range.Revision, range));
    }

    /// <inheritdoc/>
    public async ValueTask<StoreCommit> CommitAsync(IReadOnlyList<StoreOperation> operations, CancellationToken cancellationToken = default)
    {
        if (operations.Count is 0 or > SqliteLog.MaxOperations)
        {
            throw new FaultException(FaultKind.InvalidArgument, $"a commit has 1 to {SqliteLog.MaxOperations} operations, not {operations.Count}");
        }

        return await SubmitAsync(new PendingCommit(operations), cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public ValueTask<IStoreWatch> WatchAsync(string prefix, long afterRevision, CancellationToken cancellationToken = default) =>
        ValueTask.FromResult<IStoreWatch>(_hub.Open(prefix, afterRevision));

    /// <inheritdoc/>
    public async ValueTask CompactAsync(long revision, CancellationToken cancellationToken = default)
    {
        _state.CheckReadable(revision);
        await SubmitAsync(new PendingCommit([]) { CompactTo = revision }, cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (!_disposed)
        {
            _disposed = true;
            _closing = true;
            _queue.Close();
            await _writer.ConfigureAwait(false);
            lock (_writing)
            {
                // Whoever was committing alone has ended, and nobody begins any more.
                _hub.Close();
            }

            _archiver?.Dispose();
            _history?.Dispose();
            _checkpointer.Dispose();
            _log.Dispose();
            _queue.Dispose();
            _owner.Dispose();
        }
    }

    private async Task<StoreCommit> SubmitAsync(PendingCommit pending, CancellationToken cancellationToken)
    {
        if (_refusal is { } refusal)
        {
            throw new FaultException(refusal.Kind, refusal.Message, refusal);
        }

        if (pending.Work is null && TryCommitHere(pending))
        {
            return await pending.Completion.Task.ConfigureAwait(false);
        }

        if (_closing || !await _queue.AddAsync(pending, cancellationToken).ConfigureAwait(false))
        {
            throw new FaultException(FaultKind.Unavailable, "the store is closed");
        }

        // Once queued, the outcome must be known to the caller: no cancellation from here.
        return await pending.Completion.Task.ConfigureAwait(false);
    }

    private sealed record PendingCommit(IReadOnlyList<StoreOperation> Operations)
    {
        /// <summary>Not 0: a request to compact instead of a write.</summary>
        public long CompactTo { get; init; }

        /// <summary>Something for the writer to do between two transactions instead of a write.</summary>
        public Action<SqliteLog>? Work { get; init; }

        public TaskCompletionSource<StoreCommit> Completion { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
