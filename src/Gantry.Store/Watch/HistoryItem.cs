namespace Gantry.Store.Watch;

/// <summary>One commit of the window: its events, the tree after it, and its time in milliseconds since 1970.</summary>
internal sealed record HistoryItem(long Revision, IReadOnlyList<StoreEvent> Events, KeyTree? Root, long CommittedMs);
