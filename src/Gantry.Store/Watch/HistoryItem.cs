using Gantry.Store.Sqlite;

namespace Gantry.Store.Watch;

/// <summary>
/// One commit of the window: its changes, the tree after it, and its time in milliseconds since 1970. Of commits that became durable
/// together only the last one has a tree; those between come from an earlier tree and the changes.
/// </summary>
internal sealed record HistoryItem(long Revision, IReadOnlyList<StoredChange> Changes, KeyTree? Root, bool HasRoot, long CommittedMs)
{
    private StoreEvent[]? _events;

    /// <summary>The changes as watchers get them; made when somebody watches.</summary>
    public IReadOnlyList<StoreEvent> Events => _events ??=
        [.. Changes.Select(change => new StoreEvent(change.Key, Revision, change.CreateRevision, change.After?.Value, change.Before?.Value))];
}
