namespace Gantry.Store.Sqlite;

/// <summary>
/// A change of one key: the entry before (null: none) and after (null: deleted). <c>Id</c> is <c>revision * 1024 + place in the commit</c>, the
/// number of the version that it made, or of the deletion.
/// </summary>
internal readonly record struct StoredChange(string Key, long Id, long CreateRevision, StoredEntry? Before, StoredEntry? After)
{
    /// <summary>The most operations one commit may have; an id keeps ten bits for them.</summary>
    public const int MaxOperations = 1024;
}
