namespace Gantry.Store.Sqlite;

/// <summary>An entry that knows its row, so that compaction can delete the row once it is superseded.</summary>
internal sealed record StoredEntry(string Key, ReadOnlyMemory<byte> Value, long CreateRevision, long ModRevision, long RowId)
    : StoreEntry(Key, Value, CreateRevision, ModRevision);
