namespace Gantry.Store;

/// <summary>
/// A store's memory beyond the window that <see cref="IStore"/> reads and watches from: every version of every key, for a
/// configured span of time or bytes, and named snapshots, which outlive the span.
/// <para>Reading history never holds up commits, and never changes what <see cref="IStore.CompactedRevision"/> says: a list or
/// watch that Kubernetes would answer with 410 stays <c>Expired</c>.</para>
/// </summary>
public interface IStoreHistory
{
    /// <summary>What can be read at present.</summary>
    ValueTask<StoreHistorySpan> GetSpanAsync(CancellationToken cancellationToken = default);

    /// <summary>
    /// The newest revision that was committed at or before a time. Throws <c>Expired</c> for a time before the oldest that is
    /// kept; a time in the future is the newest revision.
    /// </summary>
    ValueTask<long> RevisionAtAsync(DateTimeOffset time, CancellationToken cancellationToken = default);

    /// <summary>As <see cref="IStore.RangeAsync"/>, for any revision of the span or of a snapshot; <c>Expired</c> for others.</summary>
    ValueTask<StorePage> RangeAtAsync(StoreRange range, CancellationToken cancellationToken = default);

    /// <summary>A key's versions that are kept, newest first, at most <paramref name="limit"/> of them (0: all).</summary>
    ValueTask<IReadOnlyList<StoreVersion>> GetVersionsAsync(string key, int limit = 0, CancellationToken cancellationToken = default);

    /// <summary>
    /// Names a revision (0: the newest), whose state is then kept until the snapshot is deleted. Throws <c>AlreadyExists</c> for
    /// a name that is taken and <c>Expired</c> for a revision that is gone. Takes milliseconds: nothing is copied.
    /// </summary>
    ValueTask<StoreSnapshot> CreateSnapshotAsync(string name, long revision = 0, CancellationToken cancellationToken = default);

    /// <summary>All snapshots, by revision.</summary>
    ValueTask<IReadOnlyList<StoreSnapshot>> ListSnapshotsAsync(CancellationToken cancellationToken = default);

    /// <summary>Forgets a snapshot; <c>NotFound</c> when there is none of that name.</summary>
    ValueTask DeleteSnapshotAsync(string name, CancellationToken cancellationToken = default);
}

/// <summary>
/// The history that is kept: its oldest and newest revision, the time of each, and the bytes that the store takes on disk.
/// </summary>
public sealed record StoreHistorySpan(
    long OldestRevision, DateTimeOffset OldestTime, long NewestRevision, DateTimeOffset NewestTime, long SizeBytes);

/// <summary>
/// One version of a key: the revision and time of its commit, its value (null: the key was deleted), and the revision at
/// which the key was created.
/// </summary>
public sealed record StoreVersion(long Revision, DateTimeOffset Time, ReadOnlyMemory<byte>? Value, long CreateRevision);

/// <summary>A named revision, the time of its commit, and when it was named.</summary>
public sealed record StoreSnapshot(string Name, long Revision, DateTimeOffset Time, DateTimeOffset CreatedAt);
