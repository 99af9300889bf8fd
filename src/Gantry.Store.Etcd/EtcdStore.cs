using System.Globalization;
using Gantry.Faults;
using Gantry.Grpc;
using Gantry.Store.Etcd.Client;
using Gantry.Store.Etcd.Keeping;
using Gantry.Store.Etcd.Protos;
using Gantry.Store.Etcd.Watch;
using Google.Protobuf;

namespace Gantry.Store.Etcd;

/// <summary>
/// The store on an etcd cluster (3.5.8 or later), which several processes may use at once. Every read is linearizable: it
/// asks etcd. A commit is one transaction. Revisions are etcd's, moved by a constant that is fixed when the store is made, so
/// that a cluster that comes from another store never sees revisions go back.
/// </summary>
public sealed partial class EtcdStore : IStore
{
    /// <summary>As for the embedded store; etcd's own default (--max-txn-ops) is 128.</summary>
    private const int MaxOperations = 1024;

    // Answers have no upper bound in etcd; a large range is read in pages of one revision.
    private const int PageEntries = 5_000;

    private readonly EtcdStoreOptions _options;
    private readonly EtcdClient _client;
    private readonly StoreClock _clock;
    private readonly HashSet<EtcdWatch> _watches = [];
    private readonly Lock _gate = new();
    private readonly long _offset;
    private HistoryKeeper? _keeper;
    private long _revision;
    private long _compacted;
    private long _oldest;
    private bool _disposed;

    private EtcdStore(EtcdStoreOptions options, EtcdClient client, StoreFormat format)
    {
        _options = options;
        _client = client;
        _offset = format.Offset;
        _compacted = _oldest = format.CreateRevision + _offset;
        _clock = new StoreClock(options.TimeProvider);
        Keys = new EtcdKeys(options.Prefix);
    }

    /// <inheritdoc/>
    public long Revision => Volatile.Read(ref _revision);

    /// <inheritdoc/>
    public long CompactedRevision => Volatile.Read(ref _compacted);

    internal EtcdKeys Keys { get; }

    /// <summary>
    /// Opens the store, and makes it when the prefix is empty. Throws Unavailable when no member answers in time, and
    /// FailedPrecondition when a newer version made it or when it is the target of a migration that did not finish.
    /// </summary>
    public static async Task<EtcdStore> OpenAsync(EtcdStoreOptions options, CancellationToken cancellationToken = default)
    {
        var client = new EtcdClient(options);
        try
        {
            var format = await StoreFormat.ReadOrCreateAsync(client, options, 0, cancellationToken).ConfigureAwait(false);
            var store = new EtcdStore(options, client, format);
            await store.LearnWindowAsync(cancellationToken).ConfigureAwait(false);
            await store.LearnOldestAsync(cancellationToken).ConfigureAwait(false);
            store._keeper = new HistoryKeeper(store, options);
            return store;
        }
        catch
        {
            client.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public async ValueTask<long> ReadRevisionAsync(CancellationToken cancellationToken = default)
    {
        var answer = await _client.ReadAsync(EtcdMethods.Range, new RangeRequest { Key = Keys.Clock, CountOnly = true }, cancellationToken).ConfigureAwait(false);
        var revision = ToStore(answer.Header.Revision);
        Observe(revision);
        return revision;
    }

    /// <inheritdoc/>
    public async ValueTask<StoreEntry?> GetAsync(string key, CancellationToken cancellationToken = default)
    {
        var answer = await _client.ReadAsync(EtcdMethods.Range, new RangeRequest { Key = Keys.Data(key) }, cancellationToken).ConfigureAwait(false);
        Observe(ToStore(answer.Header.Revision));
        return answer.Kvs.Count == 0 ? null : Entry(answer.Kvs[0]);
    }

    /// <inheritdoc/>
    public ValueTask<StorePage> RangeAsync(StoreRange range, CancellationToken cancellationToken = default)
    {
        var compacted = CompactedRevision;
        return range.Revision != 0 && range.Revision < compacted ? throw Expired(range.Revision, compacted) : RangeAtAsync(range, cancellationToken);
    }

    /// <inheritdoc/>
    public async ValueTask<StoreCommit> CommitAsync(IReadOnlyList<StoreOperation> operations, CancellationToken cancellationToken = default)
    {
        if (operations.Count is 0 or > MaxOperations)
        {
            throw new FaultException(FaultKind.InvalidArgument, $"a commit has 1 to {MaxOperations} operations, not {operations.Count}");
        }

        ObjectDisposedException.ThrowIf(_disposed, this);
        var request = new TxnRequest();
        var expected = new List<int>();
        for (var i = 0; i < operations.Count; i++)
        {
            Add(request, operations[i], expected, i);
        }

        await AddTimeAsync(request, operations, cancellationToken).ConfigureAwait(false);
        var answer = await _client.WriteAsync(EtcdMethods.Txn, request, cancellationToken).ConfigureAwait(false);
        var revision = ToStore(answer.Header.Revision);
        Observe(revision);
        return answer.Succeeded ? new StoreCommit(revision) : FailedCommit(operations, expected, answer, revision);
    }

    /// <inheritdoc/>
    public async ValueTask<IStoreWatch> WatchAsync(string prefix, long afterRevision, CancellationToken cancellationToken = default)
    {
        var compacted = CompactedRevision;
        if (afterRevision < compacted)
        {
            throw Expired(afterRevision, compacted);
        }

        var end = await ReadRevisionAsync(cancellationToken).ConfigureAwait(false);
        return await EtcdWatch.OpenAsync(this, _client, prefix, isPrefix: true, afterRevision, end, cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public async ValueTask CompactAsync(long revision, CancellationToken cancellationToken = default)
    {
        var newest = await ReadRevisionAsync(cancellationToken).ConfigureAwait(false);
        if (revision > newest)
        {
            throw new FaultException(FaultKind.InvalidArgument, $"revision {revision} is in the future; the newest is {newest}");
        }

        // Only the window is closed, which is a record of the store's; history is etcd's to keep until it is too old.
        while (await LearnWindowAsync(cancellationToken).ConfigureAwait(false) is var (known, recordRevision) && known < revision)
        {
            var request = new TxnRequest();
            request.Compare.Add(new Compare { Key = Keys.Compacted, Target = Compare.Types.CompareTarget.Mod, ModRevision = recordRevision });
            request.Success.Add(new RequestOp { RequestPut = new PutRequest { Key = Keys.Compacted, Value = ByteString.CopyFromUtf8(Number(revision)) } });
            var answer = await _client.WriteAsync(EtcdMethods.Txn, request, cancellationToken).ConfigureAwait(false);
            Observe(ToStore(answer.Header.Revision));
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        EtcdWatch[] watches;
        lock (_gate)
        {
            if (_disposed)
            {
                return;
            }

            _disposed = true;
            watches = [.. _watches];
        }

        foreach (var watch in watches)
        {
            watch.End(new FaultException(FaultKind.Unavailable, "the store is closing"));
            await watch.DisposeAsync().ConfigureAwait(false);
        }

        if (_keeper is not null)
        {
            await _keeper.DisposeAsync().ConfigureAwait(false);
        }

        _client.Dispose();
    }

    internal long ToStore(long etcdRevision) => etcdRevision + _offset;

    internal long ToEtcd(long revision) => revision - _offset;

    /// <summary>Takes note of a revision that etcd has reached.</summary>
    internal void Observe(long revision) => Raise(ref _revision, revision);

    /// <summary>Takes a watch that is about to be opened; it ends with the store. Throws Unavailable when the store is closed.</summary>
    internal void Remember(EtcdWatch watch)
    {
        lock (_gate)
        {
            if (_disposed)
            {
                throw new FaultException(FaultKind.Unavailable, "the store is closed");
            }

            _watches.Add(watch);
        }
    }

    internal void Forget(EtcdWatch watch)
    {
        lock (_gate)
        {
            _watches.Remove(watch);
        }
    }

    /// <summary>What a watch is told whose next revision etcd has compacted, up to and with a revision.</summary>
    internal FaultException Forgotten(long revision, long compacted)
    {
        Raise(ref _oldest, compacted);
        Raise(ref _compacted, compacted);
        return Expired(revision, CompactedRevision);
    }

    /// <summary>Which expectation failed: the answer has the present entry of every key of which one was expected.</summary>
    private StoreCommit FailedCommit(IReadOnlyList<StoreOperation> operations, List<int> expected, TxnResponse answer, long revision)
    {
        for (var i = 0; i < expected.Count; i++)
        {
            var found = answer.Responses[i].ResponseRange.Kvs;
            var present = found.Count == 0 ? null : Entry(found[0]);
            if (operations[expected[i]].ExpectedModRevision != (present?.ModRevision ?? 0))
            {
                return new StoreCommit(revision, expected[i], present);
            }
        }

        throw new FaultException(FaultKind.Internal, "etcd refused a transaction of which every expectation holds");
    }

    private void Add(TxnRequest request, StoreOperation operation, List<int> expected, int index)
    {
        var key = Keys.Data(operation.Key);
        if (operation.ExpectedModRevision is { } revision)
        {
            request.Compare.Add(new Compare { Key = key, Target = Compare.Types.CompareTarget.Mod, ModRevision = revision == 0 ? 0 : ToEtcd(revision) });
            request.Failure.Add(new RequestOp { RequestRange = new RangeRequest { Key = key } });
            expected.Add(index);
        }

        request.Success.Add(operation.Value is { } value
            ? new RequestOp { RequestPut = new PutRequest { Key = key, Value = UnsafeByteOperations.UnsafeWrap(value) } }
            : new RequestOp { RequestDeleteRange = new DeleteRangeRequest { Key = key } });
    }

    /// <summary>
    /// Writes the time with the commit, when the last one that this process wrote is old enough to matter; but not with a
    /// commit that changes nothing, since the time alone would make a revision. Before a large one, which has no room for it.
    /// </summary>
    private async ValueTask AddTimeAsync(TxnRequest request, IReadOnlyList<StoreOperation> operations, CancellationToken cancellationToken)
    {
        if (!_clock.IsDue(out var now))
        {
            return;
        }

        var put = new RequestOp { RequestPut = new PutRequest { Key = Keys.Clock, Value = StoreClock.Encode(now) } };
        if (!operations.Any(static operation => operation.Value is not null || operation.ExpectedModRevision > 0))
        {
            // Nothing but deletions of keys that may not be there.
            var nested = new TxnRequest();
            nested.Compare.Add(new Compare { Key = Keys.Data(operations[0].Key), Target = Compare.Types.CompareTarget.Create, Result = Compare.Types.CompareResult.Greater, CreateRevision = 0 });
            nested.Success.Add(put);
            request.Success.Add(new RequestOp { RequestTxn = nested });
            return;
        }

        if (operations.Count < StoreClock.RoomForTime)
        {
            request.Success.Add(put);
            return;
        }

        var before = new TxnRequest();
        before.Success.Add(put);
        await _client.WriteAsync(EtcdMethods.Txn, before, cancellationToken).ConfigureAwait(false);
    }

    private async ValueTask<StorePage> RangeOnceAsync(StoreRange range, CancellationToken cancellationToken)
    {
        var prefix = Keys.Data(range.Prefix);
        var end = EtcdKeys.EndOf(prefix);
        var from = range.After is { } after && string.CompareOrdinal(after, range.Prefix) >= 0 ? EtcdKeys.After(Keys.Data(after)) : prefix;
        var revision = range.Revision == 0 ? 0 : ToEtcd(range.Revision);
        if (range.Revision != 0 && range.Revision < OldestRevision)
        {
            throw Expired(range.Revision, OldestRevision);
        }

        var entries = new List<StoreEntry>();
        while (true)
        {
            var want = range.Limit > 0 ? Math.Min(range.Limit - entries.Count, PageEntries) : PageEntries;
            var answer = await _client.ReadAsync(
                EtcdMethods.Range,
                new RangeRequest { Key = from, RangeEnd = end, Limit = want, Revision = revision },
                cancellationToken).ConfigureAwait(false);
            Observe(ToStore(answer.Header.Revision));
            revision = revision == 0 ? answer.Header.Revision : revision;
            entries.EnsureCapacity(entries.Count + answer.Kvs.Count);
            foreach (var item in answer.Kvs)
            {
                entries.Add(Entry(item));
            }

            if (!answer.More || (range.Limit > 0 && entries.Count >= range.Limit))
            {
                return new StorePage(entries, answer.More, answer.Count - answer.Kvs.Count, ToStore(revision));
            }

            from = EtcdKeys.After(answer.Kvs[^1].Key);
        }
    }

    private StoreEntry Entry(KeyValue item) =>
        new(Keys.Name(item.Key), item.Value.Memory, ToStore(item.CreateRevision), ToStore(item.ModRevision));

    private static FaultException Expired(long revision, long oldest) =>
        new(FaultKind.Expired, $"revision {revision} was compacted; the oldest kept is {oldest}");

    private static void Raise(ref long field, long value)
    {
        for (var known = Volatile.Read(ref field); value > known; known = Volatile.Read(ref field))
        {
            if (Interlocked.CompareExchange(ref field, value, known) == known)
            {
                return;
            }
        }
    }

    private static string Number(long value) => value.ToString(CultureInfo.InvariantCulture);
}
