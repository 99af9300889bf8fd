namespace Gantry.Store.Etcd.Tests;

/// <summary>Two stores of one etcd as if they were one: each call goes to the next, as requests to two API servers do.</summary>
internal sealed class AlternatingStore(IStore first, IStore second) : IStore
{
    private int _calls;

    public long Revision => Math.Max(first.Revision, second.Revision);

    public long CompactedRevision => first.CompactedRevision;

    private IStore Next => Interlocked.Increment(ref _calls) % 2 == 0 ? first : second;

    public ValueTask<StoreEntry?> GetAsync(string key, CancellationToken cancellationToken = default) => Next.GetAsync(key, cancellationToken);

    public ValueTask<StorePage> RangeAsync(StoreRange range, CancellationToken cancellationToken = default) => Next.RangeAsync(range, cancellationToken);

    public ValueTask<StoreCommit> CommitAsync(IReadOnlyList<StoreOperation> operations, CancellationToken cancellationToken = default) =>
        Next.CommitAsync(operations, cancellationToken);

    public ValueTask<IStoreWatch> WatchAsync(string prefix, long afterRevision, CancellationToken cancellationToken = default) =>
        Next.WatchAsync(prefix, afterRevision, cancellationToken);

    public ValueTask CompactAsync(long revision, CancellationToken cancellationToken = default) => Next.CompactAsync(revision, cancellationToken);

    public async ValueTask DisposeAsync()
    {
        await first.DisposeAsync();
        await second.DisposeAsync();
    }
}
