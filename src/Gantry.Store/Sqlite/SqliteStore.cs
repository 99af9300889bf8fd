using System.Threading.Channels;
using Gantry.Faults;
using Gantry.Store.Watch;

namespace Gantry.Store.Sqlite;

/// <summary>
/// The embedded store: SQLite for durability, memory for reading. One writer loop takes what has queued, checks the
/// expectations in order, appends everything in one transaction (group commit), and then publishes revision by revision:
/// first to readers, then to watchers, then to the committers.
/// </summary>
public sealed partial class SqliteStore : IStore
{
    // A commit waits for a free place when this many are queued, which slows the writers down to the disk's speed.
    private const int MaxQueuedCommits = 4096;

    // How many commits may share one fsync; bounds the time that the first of them waits.
    private const int MaxBatch = 512;

    private readonly SqliteStoreOptions _options;
    private readonly SqliteLog _log;
    private readonly WatchHub _hub = new();
    private readonly Channel<PendingCommit> _queue =
        Channel.CreateBounded<PendingCommit>(new BoundedChannelOptions(MaxQueuedCommits) { SingleReader = true });

    private readonly Task _writer;
    private volatile StoreState _state;
    private bool _disposed;

    private SqliteStore(SqliteStoreOptions options, SqliteLog log)
    {
        _options = options;
        _log = log;
        _state = Load();
        _writer = Task.Factory.StartNew(RunWriter, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
    }

    /// <inheritdoc/>
    public long Revision => _state.Revision;

    /// <inheritdoc/>
    public long CompactedRevision => _state.CompactedRevision;

    /// <summary>
    /// Opens or creates the store. Throws FailedPrecondition when another process has it open or a newer version wrote it.
    /// </summary>
    public static SqliteStore Open(SqliteStoreOptions options)
    {
        var log = SqliteLog.Open(options.Path);
        try
        {
            return new SqliteStore(options, log);
        }
        catch
        {
            log.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public ValueTask<StoreEntry?> GetAsync(string key, CancellationToken cancellationToken = default) =>
        ValueTask.FromResult(KeyTree.Find(_state.Root, key));

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
        // History may have been compacted between the two reads; the second check sees it.
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

        var pending = new PendingCommit(operations);
        try
        {
            await _queue.Writer.WriteAsync(pending, cancellationToken).ConfigureAwait(false);
        }
        catch (ChannelClosedException)
        {
            throw new FaultException(FaultKind.Unavailable, "the store is closed");
        }

        // Once queued, the outcome must be known to the caller: no cancellation from here.
        return await pending.Completion.Task.ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public ValueTask<IStoreWatch> WatchAsync(string prefix, long afterRevision, CancellationToken cancellationToken = default) =>
        ValueTask.FromResult<IStoreWatch>(_hub.Open(prefix, afterRevision));

    /// <inheritdoc/>
    public async ValueTask CompactAsync(long revision, CancellationToken cancellationToken = default)
    {
        _state.CheckReadable(revision);
        var pending = new PendingCommit([]) { CompactTo = revision };
        await _queue.Writer.WriteAsync(pending, cancellationToken).ConfigureAwait(false);
        await pending.Completion.Task.ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (!_disposed)
        {
            _disposed = true;
            _queue.Writer.TryComplete();
            await _writer.ConfigureAwait(false);
            _hub.Close();
            _log.Dispose();
        }
    }

    private sealed record PendingCommit(IReadOnlyList<StoreOperation> Operations)
    {
        /// <summary>Not 0: a request to compact instead of a write.</summary>
        public long CompactTo { get; init; }

        public TaskCompletionSource<StoreCommit> Completion { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
