namespace Gantry.Store.Sqlite.History;

/// <summary>All keys with a prefix at one revision of the past.</summary>
internal sealed record PastState(string Prefix, long Revision, KeyTree? Root)
{
    /// <summary>
    /// Puts together what a revision saw: entries of a later tree that are older than the revision, and versions that were superseded
    /// between the two.
    /// </summary>
    public static PastState Build(string prefix, long revision, KeyTree? later, List<StoredEntry> superseded)
    {
        var entries = new Dictionary<string, StoreEntry>(StringComparer.Ordinal);
        foreach (var entry in StoreState.Range(later, revision, new StoreRange(prefix)).Entries)
        {
            if (entry.ModRevision <= revision)
            {
                entries[entry.Key] = entry;
            }
        }

        superseded.ForEach(version => entries[version.Key] = version);
        StoreEntry[] sorted = [.. entries.Values];
        Array.Sort(sorted, (a, b) => string.CompareOrdinal(a.Key, b.Key));
        return new PastState(prefix, revision, KeyTree.Build(sorted));
    }
}
