using Gantry.Faults;
using Gantry.Store.Sqlite.Commits;
using Gantry.Store.Sqlite.History;
using Gantry.Store.Watch;

namespace Gantry.Store.Sqlite;

/// <summary>
/// The embedded store: one process, everything current in memory. Reads never touch the disk. One writer loop takes what
/// has queued, checks expectations in order, appends everything to the log of commits with one sync (group commit), and then publishes revision by
/// revision: first to readers, then to watchers, then to the committers. What the window of recent revisions forgets moves to two files of
/// SQLite: to the present, one row a key, and to the history.
/// </summary>
public sealed partial class SqliteStore : IStore
{
    // A commit waits for a free place when this many are queued, which slows the writers down to the disk's speed.
    private const int MaxQueuedCommits = 4096;

    // How many commits may share one fsync; bounds the time that the first of them waits.
    private const int MaxBatch = 512;

    private readonly SqliteStoreOptions _options;
    private readonly OwnerLock _owner;
    private readonly CommitLog _log;
    private readonly WatchHub _hub = new();
    private readonly Archiver _archiver;
    private readonly HistoryReader? _history;
    private readonly CommitQueue<PendingCommit> _queue = new(MaxQueuedCommits);
    private readonly CancellationTokenSource _closing = new();

    private readonly Task _writer;
    private NewestEntries _newest = null!;
    private volatile StoreState _state;
    private volatile FaultException? _refusal;
    private FaultException? _damage;
    private bool _disposed;

    private SqliteStore(SqliteStoreOptions options, OwnerLock owner, StoreFiles files, bool checkHistory, CommitLog log)
    {
        _options = options;
        _owner = owner;
        _log = log;
        _state = Load(files.Present, out var compacted, out var forgotten);
        _archiver = new Archiver(options, log, files, compacted);
        _archiver.Advance(compacted, forgotten);
        if (options.HistorySpan > TimeSpan.Zero)
        {
            _history = new HistoryReader(options.HistoryPath);
            if (checkHistory)
            {
                // Reading a whole history takes seconds; the present does not wait for it.
                _ = Task.Run(CheckHistory);
            }
        }

        _archiver.Start();
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
        StoreFiles? files = null;
        CommitLog? log = null;
        try
        {
            var wasLeftOpen = SqliteFile.WasLeftOpen(options.HistoryPath);
            files = StoreFiles.Open(options);
            log = CommitLog.Open(options.Path, files.Present.Identity, files.Present.Applied, options.LogFiles);
            return new SqliteStore(options, owner, files, wasLeftOpen, log);
        }
        catch
        {
            log?.Dispose();
            files?.Dispose();
            owner.Dispose();
            throw;
        }
    }

    /// <summary>All files of a store that exist: its own, its history's, and its log's.</summary>
    public static IReadOnlyList<string> FilesOf(string path) =>
    [
        .. new[] { path, SqliteStoreOptions.HistoryPathOf(path) }.SelectMany(static file => new[] { file, file + "-wal", file + "-shm" }).Where(File.Exists),
        .. CommitLog.FilesOf(path),
    ];

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
    public ValueTask<StoreCommit> CommitAsync(IReadOnlyList<StoreOperation> operations, CancellationToken cancellationToken = default)
    {
        if (operations.Count is 0 or > StoredChange.MaxOperations)
        {
            throw new FaultException(FaultKind.InvalidArgument, $"a commit has 1 to {StoredChange.MaxOperations} operations, not {operations.Count}");
        }

        if (operations.Sum(static operation => (long)(operation.Value?.Length ?? 0)) > CommitLog.MostCommitBytes)
        {
            throw new FaultException(FaultKind.InvalidArgument, $"a commit has at most {CommitLog.MostCommitBytes} bytes of values; write them with several");
        }

        return new ValueTask<StoreCommit>(SubmitAsync(new PendingCommit(operations), cancellationToken));
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
            await _closing.CancelAsync().ConfigureAwait(false);
            _queue.Close();
            await _writer.ConfigureAwait(false);
            lock (_writing)
            {
                // Whoever was committing alone has ended, and nobody begins any more.
                _hub.Close();
            }

            _archiver.Dispose();
            _history?.Dispose();
            _log.Dispose();
            _queue.Dispose();
            _owner.Dispose();
            _closing.Dispose();
        }
    }

    private Task<StoreCommit> SubmitAsync(PendingCommit pending, CancellationToken cancellationToken)
    {
        if ((_refusal ?? _archiver.Refusal) is { } refusal)
        {
            return Task.FromException<StoreCommit>(new FaultException(refusal.Kind, refusal.Message, refusal));
        }

        if (pending.Work is null && TryCommitHere(pending))
        {
            return pending.Task;
        }

        var added = _closing.IsCancellationRequested ? ValueTask.FromResult(false) : _queue.AddAsync(pending, cancellationToken);
        // Once queued, the outcome must be known to the caller: no cancellation from here.
        return added is { IsCompletedSuccessfully: true, Result: true } ? pending.Task : AwaitAsync(added, pending);
    }

    private static async Task<StoreCommit> AwaitAsync(ValueTask<bool> added, PendingCommit pending) =>
        await added.ConfigureAwait(false) ? await pending.Task.ConfigureAwait(false) : throw new FaultException(FaultKind.Unavailable, "the store is closed");

    /// <summary>A commit on its way; the task is its outcome. Whoever waits goes on on a thread of its own.</summary>
    private sealed class PendingCommit(IReadOnlyList<StoreOperation> operations) : TaskCompletionSource<StoreCommit>(TaskCreationOptions.RunContinuationsAsynchronously)
    {
        public IReadOnlyList<StoreOperation> Operations => operations;

        /// <summary>Not 0: a request to compact instead of a write.</summary>
        public long CompactTo { get; init; }

        /// <summary>Something for the writer to do between two batches instead of a write.</summary>
        public Action? Work { get; init; }
    }
}
