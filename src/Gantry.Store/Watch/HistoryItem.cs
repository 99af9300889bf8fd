using Gantry.Store.Sqlite;

namespace Gantry.Store.Watch;

/// <summary>
/// One commit of the window: its events, the same as the store's files need them, the tree after it, and its time in milliseconds since 1970.
/// Of commits that became durable together only the last one has a tree; those between come from an earlier tree and the changes.
/// </summary>
internal sealed record HistoryItem(long Revision, IReadOnlyList<StoreEvent> Events, IReadOnlyList<StoredChange> Changes, KeyTree? Root, bool HasRoot, long CommittedMs);
