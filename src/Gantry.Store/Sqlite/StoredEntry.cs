namespace Gantry.Store.Sqlite;

/// <summary>An entry that knows its row, so that the row can be found once it is superseded, and the time of its commit.</summary>
internal sealed record StoredEntry(string Key, ReadOnlyMemory<byte> Value, long CreateRevision, long ModRevision, long RowId, long CommittedMs)
    : StoreEntry(Key, Value, CreateRevision, ModRevision);
