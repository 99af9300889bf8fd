using System.Threading.Channels;

namespace Gantry.Store;

/// <summary>
/// A durable key-value store in which every commit has a revision, with watch: the semantics of etcd v3, as far as
/// Kubernetes needs them.
/// <para>Keys are ordinal strings (<c>/registry/pods/default/web-1</c>); values are opaque bytes that callers must not
/// change after handing them over or receiving them.</para>
/// <para>Revisions are positive, strictly increasing, and shared by all keys. A commit is acknowledged only after it is
/// durable (fsync). Reads see every commit that was acknowledged before the read began.</para>
/// </summary>
public interface IStore : IAsyncDisposable
{
    /// <summary>The newest published revision; at least 1.</summary>
    long Revision { get; }

    /// <summary>
    /// A revision that is at least that of every commit acknowledged before the call, by whatever process. Equal to
    /// <see cref="Revision"/> where one process makes all commits; otherwise it is asked of the others.
    /// </summary>
    ValueTask<long> ReadRevisionAsync(CancellationToken cancellationToken = default) => ValueTask.FromResult(Revision);

    /// <summary>History at or below this revision is gone: reading it or watching from it is <c>Expired</c>.</summary>
    long CompactedRevision { get; }

    /// <summary>The newest value of a key, or null.</summary>
    ValueTask<StoreEntry?> GetAsync(string key, CancellationToken cancellationToken = default);

    /// <summary>
    /// Keys with a prefix in ordinal order, at one revision. Throws <c>Expired</c> for a compacted revision and
    /// <c>InvalidArgument</c> for a future one.
    /// </summary>
    ValueTask<StorePage> RangeAsync(StoreRange range, CancellationToken cancellationToken = default);

    /// <summary>
    /// Applies all operations in one revision, or none. When an operation's expectation does not hold, the result names
    /// the first such operation with the key's present entry, and nothing was changed.
    /// </summary>
    ValueTask<StoreCommit> CommitAsync(IReadOnlyList<StoreOperation> operations, CancellationToken cancellationToken = default);

    /// <summary>
    /// Events of keys with the prefix, with revisions greater than <paramref name="afterRevision"/>, in revision order,
    /// each exactly once. Throws <c>Expired</c> when that revision is compacted. Dispose the watch to end it.
    /// </summary>
    ValueTask<IStoreWatch> WatchAsync(string prefix, long afterRevision, CancellationToken cancellationToken = default);

    /// <summary>Forgets superseded values at or below a revision. Later reads below it are <c>Expired</c>.</summary>
    ValueTask CompactAsync(long revision, CancellationToken cancellationToken = default);
}

/// <summary>An open watch.</summary>
public interface IStoreWatch : IAsyncDisposable
{
    /// <summary>
    /// The events. The channel completes with a <see cref="Faults.FaultException"/> (<c>ResourceExhausted</c>) when this
    /// watcher fell too far behind, or <c>Unavailable</c> when the store closes.
    /// </summary>
    ChannelReader<StoreEvent> Events { get; }

    /// <summary>
    /// A revision up to which every event of this watch has been written to <see cref="Events"/>: when read before a
    /// <c>TryRead</c> that finds nothing, it may be sent as a bookmark.
    /// </summary>
    long Progress { get; }

    /// <summary>
    /// Says that somebody waits for <see cref="Progress"/> to reach a revision, which may be that of a change that this watch
    /// does not see. Where progress is published anyway there is nothing to do.
    /// </summary>
    void RequestProgress(long revision)
    {
    }
}

/// <summary>One key's state. <c>CreateRevision</c> and <c>ModRevision</c> are those of etcd.</summary>
public record StoreEntry(string Key, ReadOnlyMemory<byte> Value, long CreateRevision, long ModRevision);

/// <summary>
/// What to read: keys that start with <c>Prefix</c> and are ordinally greater than <c>After</c>, at most <c>Limit</c> of them
/// (0: all), at <c>Revision</c> (0: the newest).
/// </summary>
public sealed record StoreRange(string Prefix, string? After = null, int Limit = 0, long Revision = 0);

/// <summary>A page of a range: the entries, whether more follow, how many follow, and the revision that was read.</summary>
public sealed record StorePage(IReadOnlyList<StoreEntry> Entries, bool More, long Remaining, long Revision);

/// <summary>
/// One write. <c>Value</c> null deletes. <c>ExpectedModRevision</c>: null for no expectation, 0 for "the key does not exist",
/// otherwise the key's ModRevision. Deleting a key that does not exist, without expectation, changes nothing.
/// </summary>
public sealed record StoreOperation(string Key, ReadOnlyMemory<byte>? Value, long? ExpectedModRevision = null);

/// <summary>
/// A commit's outcome. <c>Revision</c> is the commit's (or the present one when nothing was changed). When
/// <c>FailedOperation</c> is not negative, that operation's expectation failed and <c>Present</c> is its key's entry.
/// </summary>
public sealed record StoreCommit(long Revision, int FailedOperation = -1, StoreEntry? Present = null)
{
    /// <summary>Whether the operations were applied.</summary>
    public bool Succeeded => FailedOperation < 0;
}

/// <summary>
/// A change of one key. <c>Value</c> null means deleted. <c>Previous</c> is the value before, null when the key was created.
/// </summary>
public sealed record StoreEvent(string Key, long Revision, long CreateRevision, ReadOnlyMemory<byte>? Value, ReadOnlyMemory<byte>? Previous);
