namespace Gantry.Store.Sqlite;

/// <summary>A row of the log as it was read back: <c>Value</c> null is a deletion.</summary>
internal readonly record struct LogRow(long Id, string Key, byte[]? Value, long CreateRevision, long CommittedMs)
{
    public long Revision => Id / SqliteLog.MaxOperations;
}
