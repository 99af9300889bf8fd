namespace Gantry.Store.Sqlite.Commits;

/// <summary>A commit as it was read back.</summary>
internal sealed record LoggedCommit(long Revision, long CommittedMs, IReadOnlyList<LoggedChange> Changes);
