using System.Collections.Concurrent;
using Gantry.Store.Watch;

namespace Gantry.Store.Sqlite;

/// <summary>
/// The newest entries by key, for reads of one key: a hash table needs three looks into memory where the tree needs fifty. The writer changes it
/// before it publishes a state, so it may be ahead of the state that a reader has; then the tree answers, and a commit of several keys is still
/// seen as one.
/// </summary>
internal sealed class NewestEntries
{
    private readonly ConcurrentDictionary<string, StoreEntry> _entries;

    public NewestEntries(KeyTree? root)
    {
        var entries = new List<StoreEntry>(KeyTree.CountOf(root));
        KeyTree.Copy(root, 0, int.MaxValue, entries);
        _entries = new ConcurrentDictionary<string, StoreEntry>(
            Environment.ProcessorCount, entries.Select(entry => KeyValuePair.Create(entry.Key, entry)), StringComparer.Ordinal);
    }

    /// <summary>A key's entry in a published state.</summary>
    public StoreEntry? Find(StoreState state, string key) =>
        // A key that is not here may have been deleted just now, after that state.
        _entries.TryGetValue(key, out var entry) && entry.ModRevision <= state.Revision ? entry : KeyTree.Find(state.Root, key);

    /// <summary>Takes in a commit that is about to be published.</summary>
    public void Apply(HistoryItem item)
    {
        foreach (var change in item.Changes)
        {
            if (change.After is { } entry)
            {
                _entries[change.Key] = entry;
            }
            else
            {
                _entries.TryRemove(change.Key, out _);
            }
        }
    }
}
