using System.Globalization;
using System.Text;
using Gantry.Faults;
using Gantry.Grpc;
using Gantry.Store.Etcd.Client;
using Gantry.Store.Etcd.Keeping;
using Gantry.Store.Etcd.Protos;
using Gantry.Store.Etcd.Watch;
using Google.Protobuf;

namespace Gantry.Store.Etcd;

/// <summary>
/// History: etcd keeps every revision until it compacts, so all of it is read by revision. A snapshot is a record that holds
/// compaction back. Times are exact to <see cref="StoreClock.Resolution"/>.
/// </summary>
public sealed partial class EtcdStore : IStoreHistory
{
    /// <inheritdoc/>
    public async ValueTask<StoreHistorySpan> GetSpanAsync(CancellationToken cancellationToken = default)
    {
        var status = await _client.ReadAsync(EtcdMethods.Status, new StatusRequest(), cancellationToken).ConfigureAwait(false);
        var newest = await ReadRevisionAsync(cancellationToken).ConfigureAwait(false);
        var oldest = OldestRevision;
        return new StoreHistorySpan(
            oldest,
            await TimeOfAsync(oldest, cancellationToken).ConfigureAwait(false),
            newest,
            await TimeOfAsync(newest, cancellationToken).ConfigureAwait(false),
            status.DbSize);
    }

    /// <inheritdoc/>
    public async ValueTask<long> RevisionAtAsync(DateTimeOffset time, CancellationToken cancellationToken = default)
    {
        var high = await ReadRevisionAsync(cancellationToken).ConfigureAwait(false);
        if (await TimeOfAsync(high, cancellationToken).ConfigureAwait(false) <= time)
        {
            return high;
        }

        var low = OldestRevision;
        var oldest = await TimeOfAsync(low, cancellationToken).ConfigureAwait(false);
        if (oldest > time)
        {
            throw new FaultException(FaultKind.Expired, string.Create(CultureInfo.InvariantCulture, $"history begins at {oldest:yyyy-MM-ddTHH:mm:ss.fffZ}, after {time.UtcDateTime:yyyy-MM-ddTHH:mm:ss.fffZ}"));
        }

        // Between a revision at or before the time and one after it.
        while (high - low > 1)
        {
            var middle = low + ((high - low) / 2);
            if (await TimeOfAsync(middle, cancellationToken).ConfigureAwait(false) <= time)
            {
                low = middle;
            }
            else
            {
                high = middle;
            }
        }

        return low;
    }

    /// <inheritdoc/>
    public async ValueTask<StorePage> RangeAtAsync(StoreRange range, CancellationToken cancellationToken = default)
    {
        while (true)
        {
            try
            {
                return await RangeOnceAsync(range, cancellationToken).ConfigureAwait(false);
            }
            catch (FaultException e) when (e.Kind == FaultKind.Expired && range.Revision == 0)
            {
                // The newest revision was compacted while its pages were read: there is a newer one.
            }
            catch (FaultException e) when (e.Kind == FaultKind.Expired)
            {
                await LearnOldestAsync(cancellationToken).ConfigureAwait(false);
                throw Expired(range.Revision, OldestRevision);
            }
            catch (FaultException e) when (e.Kind == FaultKind.InvalidArgument && range.Revision > Revision)
            {
                throw new FaultException(FaultKind.InvalidArgument, $"revision {range.Revision} is in the future; the newest is {Revision}", e);
            }
        }
    }

    /// <inheritdoc/>
    public async ValueTask<IReadOnlyList<StoreVersion>> GetVersionsAsync(string key, int limit = 0, CancellationToken cancellationToken = default)
    {
        var newest = await ReadRevisionAsync(cancellationToken).ConfigureAwait(false);
        var oldest = OldestRevision;
        var changes = new List<StoreEvent>();
        if (newest > oldest)
        {
            var watch = await EtcdWatch.OpenAsync(this, _client, key, isPrefix: false, oldest, newest, cancellationToken).ConfigureAwait(false);
            await using (watch.ConfigureAwait(false))
            {
                while (watch.Events.TryRead(out var change))
                {
                    if (change.Revision <= newest)
                    {
                        changes.Add(change);
                    }
                }
            }
        }

        var versions = new List<StoreVersion>();
        for (var i = changes.Count - 1; i >= 0 && (limit == 0 || versions.Count < limit); i--)
        {
            var change = changes[i];
            versions.Add(new StoreVersion(change.Revision, await TimeOfAsync(change.Revision, cancellationToken).ConfigureAwait(false), change.Value, change.CreateRevision));
        }

        if (limit == 0 || versions.Count < limit)
        {
            await AddOldestAsync(key, oldest, versions, cancellationToken).ConfigureAwait(false);
        }

        return versions;
    }

    /// <inheritdoc/>
    public async ValueTask<StoreSnapshot> CreateSnapshotAsync(string name, long revision = 0, CancellationToken cancellationToken = default)
    {
        var newest = await ReadRevisionAsync(cancellationToken).ConfigureAwait(false);
        revision = revision == 0 ? newest : revision;
        var time = await TimeOfAsync(revision, cancellationToken).ConfigureAwait(false);
        var snapshot = new StoreSnapshot(name, revision, time, _options.TimeProvider.GetUtcNow());
        var key = Keys.Snapshot(name);
        var request = new TxnRequest();
        request.Compare.Add(new Compare { Key = key, Target = Compare.Types.CompareTarget.Create, CreateRevision = 0 });
        request.Success.Add(new RequestOp { RequestPut = new PutRequest { Key = key, Value = ByteString.CopyFromUtf8($"{Number(revision)} {Number(snapshot.CreatedAt.ToUnixTimeMilliseconds())}") } });
        var answer = await _client.WriteAsync(EtcdMethods.Txn, request, cancellationToken).ConfigureAwait(false);
        if (!answer.Succeeded)
        {
            throw new FaultException(FaultKind.AlreadyExists, $"a snapshot named {name} exists; delete it or choose another name");
        }

        try
        {
            // Compaction may have passed the revision before the record could hold it back.
            _ = await TimeOfAsync(revision, cancellationToken).ConfigureAwait(false);
            return snapshot;
        }
        catch (FaultException)
        {
            await DeleteSnapshotAsync(name, CancellationToken.None).ConfigureAwait(false);
            throw;
        }
    }

    /// <inheritdoc/>
    public async ValueTask<IReadOnlyList<StoreSnapshot>> ListSnapshotsAsync(CancellationToken cancellationToken = default)
    {
        var answer = await _client.ReadAsync(
            EtcdMethods.Range, new RangeRequest { Key = Keys.Snapshots, RangeEnd = EtcdKeys.EndOf(Keys.Snapshots) }, cancellationToken).ConfigureAwait(false);
        var snapshots = new List<StoreSnapshot>();
        foreach (var item in answer.Kvs)
        {
            var parts = item.Value.ToStringUtf8().Split(' ');
            var revision = long.Parse(parts[0], CultureInfo.InvariantCulture);
            snapshots.Add(new StoreSnapshot(
                Encoding.UTF8.GetString(item.Key.Span[Keys.Snapshots.Length..]),
                revision,
                await TimeOfAsync(revision, cancellationToken).ConfigureAwait(false),
                DateTimeOffset.FromUnixTimeMilliseconds(long.Parse(parts[1], CultureInfo.InvariantCulture))));
        }

        return [.. snapshots.OrderBy(static snapshot => snapshot.Revision)];
    }

    /// <inheritdoc/>
    public async ValueTask DeleteSnapshotAsync(string name, CancellationToken cancellationToken = default)
    {
        var request = new TxnRequest();
        request.Success.Add(new RequestOp { RequestDeleteRange = new DeleteRangeRequest { Key = Keys.Snapshot(name) } });
        var answer = await _client.WriteAsync(EtcdMethods.Txn, request, cancellationToken).ConfigureAwait(false);
        if (answer.Responses[0].ResponseDeleteRange.Deleted == 0)
        {
            throw new FaultException(FaultKind.NotFound, $"there is no snapshot named {name}");
        }
    }

    /// <summary>The oldest revision that etcd still has.</summary>
    internal long OldestRevision => Volatile.Read(ref _oldest);

    /// <summary>Reads how far the window is closed, and the etcd revision of the record that says so (0: none).</summary>
    internal async ValueTask<(long Compacted, long RecordRevision)> LearnWindowAsync(CancellationToken cancellationToken)
    {
        var answer = await _client.ReadAsync(EtcdMethods.Range, new RangeRequest { Key = Keys.Compacted }, cancellationToken).ConfigureAwait(false);
        Observe(ToStore(answer.Header.Revision));
        if (answer.Kvs is not [var record])
        {
            return (CompactedRevision, 0);
        }

        Raise(ref _compacted, long.Parse(record.Value.ToStringUtf8(), CultureInfo.InvariantCulture));
        return (CompactedRevision, record.ModRevision);
    }

    /// <summary>
    /// Asks etcd how far it has compacted, which only the refusal of a watch from the beginning says. A watch that is not
    /// refused answers a question for its progress.
    /// </summary>
    internal async Task LearnOldestAsync(CancellationToken cancellationToken)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        patience.CancelAfter(_options.Timeout);
        var stream = _client.Open(EtcdMethods.Watch, out var member);
        await using (stream.ConfigureAwait(false))
        {
            try
            {
                await stream.SendAsync(new WatchRequest { CreateRequest = new WatchCreateRequest { Key = Keys.Format, StartRevision = 1 } }, patience.Token).ConfigureAwait(false);
                while (await stream.ReceiveAsync(patience.Token).ConfigureAwait(false) is { } response)
                {
                    if (response.CompactRevision > 0)
                    {
                        Raise(ref _oldest, ToStore(response.CompactRevision));
                        Raise(ref _compacted, OldestRevision);
                        return;
                    }

                    if (!response.Created)
                    {
                        return;
                    }

                    await stream.SendAsync(new WatchRequest { ProgressRequest = new WatchProgressRequest() }, patience.Token).ConfigureAwait(false);
                }
            }
            catch (GrpcException e)
            {
                _client.Leave(member, e);
                throw EtcdFaults.Translate(e);
            }
            catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
            {
                throw new FaultException(FaultKind.Unavailable, $"etcd: {member.Address.Authority} did not say how far it has compacted", e);
            }
        }
    }

    /// <summary>How much of the database is used, history included.</summary>
    internal async ValueTask<long> UsedBytesAsync(CancellationToken cancellationToken) =>
        (await _client.ReadAsync(EtcdMethods.Status, new StatusRequest(), cancellationToken).ConfigureAwait(false)).DbSizeInUse;

    /// <summary>
    /// Compacts up to a revision, or to the oldest snapshot when that is earlier; waits until the space is free when asked to.
    /// </summary>
    internal async Task CompactWithinSnapshotsAsync(long revision, CancellationToken cancellationToken, bool waits = false)
    {
        var snapshots = await ListSnapshotsAsync(cancellationToken).ConfigureAwait(false);
        var target = snapshots.Count > 0 ? Math.Min(revision, snapshots[0].Revision) : revision;
        if (target <= OldestRevision)
        {
            return;
        }

        try
        {
            await _client.WriteAsync(EtcdMethods.Compact, new CompactionRequest { Revision = ToEtcd(target), Physical = waits }, cancellationToken, waits ? s_defragmentTimeout : null).ConfigureAwait(false);
            Raise(ref _oldest, target);
            Raise(ref _compacted, target);
        }
        catch (FaultException e) when (e.Kind == FaultKind.Expired)
        {
            // Somebody else compacted further.
            await LearnOldestAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>The time of a revision: what the clock's key said at it.</summary>
    private async ValueTask<DateTimeOffset> TimeOfAsync(long revision, CancellationToken cancellationToken)
    {
        try
        {
            var answer = await _client.ReadAsync(EtcdMethods.Range, new RangeRequest { Key = Keys.Clock, Revision = ToEtcd(revision) }, cancellationToken).ConfigureAwait(false);
            return answer.Kvs.Count > 0
                ? StoreClock.Decode(answer.Kvs[0].Value)
                : throw new FaultException(FaultKind.Expired, $"revision {revision} is older than this store");
        }
        catch (FaultException e) when (e.Kind == FaultKind.Expired)
        {
            await LearnOldestAsync(cancellationToken).ConfigureAwait(false);
            throw Expired(revision, OldestRevision);
        }
    }

    /// <summary>The version that was there when the kept history begins, unless it is in the list.</summary>
    private async ValueTask AddOldestAsync(string key, long oldest, List<StoreVersion> versions, CancellationToken cancellationToken)
    {
        var answer = await _client.ReadAsync(EtcdMethods.Range, new RangeRequest { Key = Keys.Data(key), Revision = ToEtcd(oldest) }, cancellationToken).ConfigureAwait(false);
        if (answer.Kvs is [var item])
        {
            var revision = ToStore(item.ModRevision);
            // Its own time is gone with the revisions before; the beginning of history is the nearest that is known.
            versions.Add(new StoreVersion(revision, await TimeOfAsync(oldest, cancellationToken).ConfigureAwait(false), item.Value.Memory, ToStore(item.CreateRevision)));
        }
    }
}
