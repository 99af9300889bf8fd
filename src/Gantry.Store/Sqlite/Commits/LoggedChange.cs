namespace Gantry.Store.Sqlite.Commits;

/// <summary>
/// A change as the log has it: its place in the commit, the key, its value (null: deleted), and the revision in which the key was created.
/// </summary>
internal readonly record struct LoggedChange(int Index, string Key, ReadOnlyMemory<byte>? Value, long CreateRevision);
