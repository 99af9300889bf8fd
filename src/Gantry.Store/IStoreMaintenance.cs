namespace Gantry.Store;

/// <summary>What an operator needs of a store beside its data.</summary>
public interface IStoreMaintenance
{
    /// <summary>How the store is.</summary>
    ValueTask<StoreStatus> GetStatusAsync(CancellationToken cancellationToken = default);

    /// <summary>
    /// Gives space that is no longer used back to the file system, and lets a store write again that had stopped because it
    /// was full, when there is room. Reads and commits may be slow meanwhile.
    /// </summary>
    ValueTask DefragmentAsync(CancellationToken cancellationToken = default);
}

/// <summary>
/// A store's state: its engine and where it is, its newest revision, the oldest one that is kept, its size on disk and what
/// of it is used, and what the operator should know, each a sentence with its remedy.
/// </summary>
public sealed record StoreStatus(
    string Engine, string Location, long Revision, long CompactedRevision, long SizeBytes, long UsedBytes, IReadOnlyList<string> Warnings);
