using Gantry.Faults;

namespace Gantry.Store;

/// <summary>
/// What the store holds at one published revision, when that was committed, and the revision from which the window reaches.
/// Immutable: readers take the newest one from a volatile field.
/// </summary>
internal sealed record StoreState(KeyTree? Root, long Revision, long CompactedRevision, long CommittedMs)
{
    /// <summary>Answers a range query from <paramref name="root"/>, which is the tree at <paramref name="revision"/>.</summary>
    public static StorePage Range(KeyTree? root, long revision, StoreRange range)
    {
        var first = range.After is { } after && string.CompareOrdinal(after, range.Prefix) >= 0
            ? KeyTree.Rank(root, after, inclusive: true)
            : KeyTree.Rank(root, range.Prefix, inclusive: false);
        var end = EndOfPrefix(range.Prefix) is { } stop
            ? KeyTree.Rank(root, stop, inclusive: false)
            : KeyTree.CountOf(root);
        var available = Math.Max(0, end - first);
        var take = range.Limit > 0 ? Math.Min(range.Limit, available) : available;
        var entries = new List<StoreEntry>(take);
        KeyTree.Copy(root, first, take, entries);
        return new StorePage(entries, available > take, available - take, revision);
    }

    /// <summary>Throws when a revision cannot be read: compacted (Expired) or not yet written (InvalidArgument).</summary>
    public void CheckReadable(long revision)
    {
        if (revision < CompactedRevision)
        {
            throw new FaultException(FaultKind.Expired, $"revision {revision} was compacted; the oldest kept is {CompactedRevision}");
        }

        if (revision > Revision)
        {
            throw new FaultException(FaultKind.InvalidArgument, $"revision {revision} is in the future; the newest is {Revision}");
        }
    }

    private static string? EndOfPrefix(string prefix)
    {
        for (var i = prefix.Length - 1; i >= 0; i--)
        {
            if (prefix[i] != char.MaxValue)
            {
                return string.Concat(prefix.AsSpan(0, i), [(char)(prefix[i] + 1)]);
            }
        }

        return null;
    }
}
