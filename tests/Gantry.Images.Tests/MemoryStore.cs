using Gantry.Store;

namespace Gantry.Images.Tests;

/// <summary>The part of a store that this room uses, in memory. It outlives the services on it, as a disk does.</summary>
internal sealed class MemoryStore : IStore
{
    private readonly SortedDictionary<string, StoreEntry> _entries = new(StringComparer.Ordinal);
    private readonly Lock _lock = new();

    public long Revision { get; private set; } = 1;

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
            var matches = _entries.Values
                .Where(entry => entry.Key.StartsWith(range.Prefix, StringComparison.Ordinal)
                    && (range.After is null || string.CompareOrdinal(entry.Key, range.After) > 0))
                .ToList();
            var page = range.Limit > 0 ? matches.Take(range.Limit).ToList() : matches;
            return new(new StorePage(page, page.Count < matches.Count, matches.Count - page.Count, Revision));
        }
    }

    public ValueTask<StoreCommit> CommitAsync(IReadOnlyList<StoreOperation> operations, CancellationToken cancellationToken = default)
    {
        lock (_lock)
        {
            for (var i = 0; i < operations.Count; i++)
            {
                var present = _entries.GetValueOrDefault(operations[i].Key);
                if (operations[i].ExpectedModRevision is { } expected && expected != (present?.ModRevision ?? 0))
                {
                    return new(new StoreCommit(Revision, i, present));
                }
            }
            Revision++;
            foreach (var operation in operations)
            {
                if (operation.Value is { } value)
                {
                    var created = _entries.GetValueOrDefault(operation.Key)?.CreateRevision ?? Revision;
                    _entries[operation.Key] = new StoreEntry(operation.Key, value, created, Revision);
                }
                else
                {
                    _entries.Remove(operation.Key);
                }
            }
            return new(new StoreCommit(Revision));
        }
    }

    public ValueTask<IStoreWatch> WatchAsync(string prefix, long afterRevision, CancellationToken cancellationToken = default) =>
        throw new NotSupportedException();

    public ValueTask CompactAsync(long revision, CancellationToken cancellationToken = default) => ValueTask.CompletedTask;

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
