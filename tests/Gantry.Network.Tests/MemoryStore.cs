using Gantry.Store;

namespace Gantry.Network.Tests;

/// <summary>The parts of a store that the network room uses, in memory.</summary>
internal sealed class MemoryStore : IStore
{
    private readonly Lock _lock = new();
    private readonly SortedDictionary<string, StoreEntry> _entries = new(StringComparer.Ordinal);
    private long _revision = 1;

    public long Revision => _revision;

    public long CompactedRevision => 0;

    public ValueTask<StoreEntry?> GetAsync(string key, CancellationToken cancellationToken = default)
    {
        lock (_lock)
        {
            return new(_entries.GetValueOrDefault(key));
        }
    }

    public ValueTask<StorePage> RangeAsync(StoreRange range, CancellationToken cancellationToken = default)
    {
        lock (_lock)
        {
            return new(new StorePage([.. _entries.Values.Where(entry => entry.Key.StartsWith(range.Prefix, StringComparison.Ordinal))], false, 0, _revision));
        }
    }

    public ValueTask<StoreCommit> CommitAsync(IReadOnlyList<StoreOperation> operations, CancellationToken cancellationToken = default)
    {
        lock (_lock)
        {
            _revision++;
            foreach (StoreOperation operation in operations)
            {
                if (operation.Value is { } value)
                {
                    _entries[operation.Key] = new StoreEntry(operation.Key, value, _revision, _revision);
                }
                else
                {
                    _entries.Remove(operation.Key);
                }
            }

            return new(new StoreCommit(_revision));
        }
    }

    public ValueTask<IStoreWatch> WatchAsync(string prefix, long afterRevision, CancellationToken cancellationToken = default) => throw new NotSupportedException();

    public ValueTask CompactAsync(long revision, CancellationToken cancellationToken = default) => throw new NotSupportedException();

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
