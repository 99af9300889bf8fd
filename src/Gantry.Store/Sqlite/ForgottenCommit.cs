namespace Gantry.Store.Sqlite;

/// <summary>A commit that the window has forgotten and that the store's files do not have yet.</summary>
internal sealed record ForgottenCommit(long Revision, long CommittedMs, IReadOnlyList<StoredChange> Changes)
{
    /// <summary>What it takes of memory and disk until then, about.</summary>
    public long SizeBytes { get; } = Changes.Sum(static change => 200L + (change.After?.Value.Length ?? 0));
}
