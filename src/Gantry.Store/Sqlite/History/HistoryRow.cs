namespace Gantry.Store.Sqlite.History;

/// <summary>
/// A version that is no longer anybody's present, and the revision since which that is so: for a deletion (<c>Value</c> null) its own.
/// </summary>
internal readonly record struct HistoryRow(long SupersededAt, long Id, string Key, ReadOnlyMemory<byte>? Value, long CreateRevision, long CommittedMs)
{
    /// <summary>What a commit superseded, in its order.</summary>
    public static IEnumerable<HistoryRow> Of(ForgottenCommit commit)
    {
        foreach (var change in commit.Changes)
        {
            if (change.Before is { } before)
            {
                yield return new HistoryRow(commit.Revision, before.RowId, before.Key, before.Value, before.CreateRevision, before.CommittedMs);
            }

            if (change.After is null)
            {
                yield return new HistoryRow(commit.Revision, change.Id, change.Key, null, change.CreateRevision, commit.CommittedMs);
            }
        }
    }
}
