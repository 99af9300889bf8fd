using Gantry.Faults;
using Gantry.Store;

namespace Gantry.Daemon.Storage;

/// <summary>
/// The cluster's store as the rooms see it, while the one behind it can be exchanged: commits wait during the exchange, watches of the
/// old one end as if it had closed, and their owners list and watch again.
/// </summary>
internal sealed class ClusterStore : IStore, IStoreHistory, IStoreMaintenance, IStoreElection
{
    private readonly Lock _gate = new();
    private volatile IStore _current;
    private TaskCompletionSource? _exchange;
    private TaskCompletionSource? _quiet;
    private CancellationTokenSource _replaced = new();
    private int _commits;

    public ClusterStore(IStore store) => _current = store;

    public long Revision => _current.Revision;

    public long CompactedRevision => _current.CompactedRevision;

    /// <summary>The store behind this one.</summary>
    public IStore Current => _current;

    private IStoreHistory History => (IStoreHistory)_current;

    public ValueTask<long> ReadRevisionAsync(CancellationToken cancellationToken = default) => _current.ReadRevisionAsync(cancellationToken);

    public ValueTask<StoreEntry?> GetAsync(string key, CancellationToken cancellationToken = default) => _current.GetAsync(key, cancellationToken);

    public ValueTask<StorePage> RangeAsync(StoreRange range, CancellationToken cancellationToken = default) => _current.RangeAsync(range, cancellationToken);

    public ValueTask<IStoreWatch> WatchAsync(string prefix, long afterRevision, CancellationToken cancellationToken = default) =>
        _current.WatchAsync(prefix, afterRevision, cancellationToken);

    public ValueTask CompactAsync(long revision, CancellationToken cancellationToken = default) => _current.CompactAsync(revision, cancellationToken);

    public async ValueTask<StoreCommit> CommitAsync(IReadOnlyList<StoreOperation> operations, CancellationToken cancellationToken = default)
    {
        var store = await EnterAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            return await store.CommitAsync(operations, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            lock (_gate)
            {
                if (--_commits == 0)
                {
                    _quiet?.TrySetResult();
                }
            }
        }
    }

    /// <summary>
    /// Holds commits back, waits for those under way, and has <paramref name="move"/> copy what is there; what it returns is the
    /// store from then on, and the old one is closed. When it throws, everything stays as it was.
    /// </summary>
    public async Task ExchangeAsync(Func<IStore, Task<IStore>> move)
    {
        var exchange = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var quiet = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_gate)
        {
            if (_exchange is not null)
            {
                throw new FaultException(FaultKind.Conflict, "another migration is under way");
            }

            _exchange = exchange;
            _quiet = quiet;
            if (_commits == 0)
            {
                quiet.TrySetResult();
            }
        }

        var old = _current;
        try
        {
            await quiet.Task.ConfigureAwait(false);
            _current = await move(old).ConfigureAwait(false);
        }
        finally
        {
            lock (_gate)
            {
                _exchange = _quiet = null;
            }

            exchange.TrySetResult();
        }

        var replaced = _replaced;
        _replaced = new CancellationTokenSource();
        await replaced.CancelAsync().ConfigureAwait(false);
        await old.DisposeAsync().ConfigureAwait(false);
    }

    public ValueTask<StoreHistorySpan> GetSpanAsync(CancellationToken cancellationToken = default) => History.GetSpanAsync(cancellationToken);

    public ValueTask<long> RevisionAtAsync(DateTimeOffset time, CancellationToken cancellationToken = default) => History.RevisionAtAsync(time, cancellationToken);

    public ValueTask<StorePage> RangeAtAsync(StoreRange range, CancellationToken cancellationToken = default) => History.RangeAtAsync(range, cancellationToken);

    public ValueTask<IReadOnlyList<StoreVersion>> GetVersionsAsync(string key, int limit = 0, CancellationToken cancellationToken = default) =>
        History.GetVersionsAsync(key, limit, cancellationToken);

    public ValueTask<StoreSnapshot> CreateSnapshotAsync(string name, long revision = 0, CancellationToken cancellationToken = default) =>
        History.CreateSnapshotAsync(name, revision, cancellationToken);

    public ValueTask<IReadOnlyList<StoreSnapshot>> ListSnapshotsAsync(CancellationToken cancellationToken = default) => History.ListSnapshotsAsync(cancellationToken);

    public ValueTask DeleteSnapshotAsync(string name, CancellationToken cancellationToken = default) => History.DeleteSnapshotAsync(name, cancellationToken);

    public ValueTask<StoreStatus> GetStatusAsync(CancellationToken cancellationToken = default) => ((IStoreMaintenance)_current).GetStatusAsync(cancellationToken);

    public ValueTask DefragmentAsync(CancellationToken cancellationToken = default) => ((IStoreMaintenance)_current).DefragmentAsync(cancellationToken);

    /// <summary>A store that nobody shares is led by its only process, until it is exchanged.</summary>
    public async ValueTask<IStoreLeadership> LeadAsync(string role, string candidate, CancellationToken cancellationToken = default)
    {
        var replaced = _replaced.Token;
        var inner = _current is IStoreElection election ? await election.LeadAsync(role, candidate, cancellationToken).ConfigureAwait(false) : null;
        return new Leadership(inner, replaced);
    }

    public ValueTask DisposeAsync() => _current.DisposeAsync();

    private async ValueTask<IStore> EnterAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            Task? exchange;
            lock (_gate)
            {
                exchange = _exchange?.Task;
                if (exchange is null)
                {
                    _commits++;
                    return _current;
                }
            }

            await exchange.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    private sealed class Leadership : IStoreLeadership
    {
        private readonly IStoreLeadership? _inner;
        private readonly CancellationTokenSource _lost;

        public Leadership(IStoreLeadership? inner, CancellationToken replaced)
        {
            _inner = inner;
            _lost = CancellationTokenSource.CreateLinkedTokenSource(replaced, inner?.Lost ?? CancellationToken.None);
        }

        public CancellationToken Lost => _lost.Token;

        public async ValueTask DisposeAsync()
        {
            if (_inner is not null)
            {
                await _inner.DisposeAsync().ConfigureAwait(false);
            }

            _lost.Dispose();
        }
    }
}
