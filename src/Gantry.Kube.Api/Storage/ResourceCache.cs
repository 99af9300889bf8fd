using System.Threading.Channels;
using Gantry.Faults;
using Gantry.Kube.Api.Requests;
using Gantry.Kube.Api.Resources;
using Gantry.Kube.Client;
using Gantry.Store;

namespace Gantry.Kube.Api.Storage;

/// <summary>
/// All objects of one resource in memory, in key order, kept current by one watch of the store; and the fan-out of its
/// changes. LISTs are served from here after it has caught up with the store, so that they see every acknowledged write.
/// </summary>
internal sealed class ResourceCache : IAsyncDisposable
{
    /// <summary>How many changes are kept for watches that resume; older ones are read from the store's history.</summary>
    private const int HistoryLimit = 512;

    private readonly ResourceType _resource;
    private readonly IStore _store;
    private readonly Lock _gate = new();
    private readonly List<CachedObject> _sorted = [];
    private readonly Queue<WatchRecord> _history = new();
    private readonly List<WatchSubscription> _subscriptions = [];
    private readonly CancellationTokenSource _stop = new();
    private IStoreWatch? _watch;
    private Task _pump = Task.CompletedTask;
    private long _revision;
    private long _historyFloor;
    private long _changes;

    private ResourceCache(ResourceType resource, IStore store)
    {
        _resource = resource;
        _store = store;
    }

    public ResourceType Resource => _resource;

    /// <summary>The cache holds every change up to this revision.</summary>
    public long Revision => Volatile.Read(ref _revision);

    /// <summary>Counts the changes that were seen: for what is computed from the objects.</summary>
    public long Changes => Volatile.Read(ref _changes);

    /// <summary>Whether the store's watch has ended, so that a new cache has to be made.</summary>
    public bool IsBroken => _pump.IsCompleted;

    public static async Task<ResourceCache> StartAsync(ResourceType resource, IStore store, CancellationToken cancellationToken)
    {
        var cache = new ResourceCache(resource, store);
        var page = await store.RangeAsync(new StoreRange(resource.Prefix), cancellationToken).ConfigureAwait(false);
        foreach (var entry in page.Entries)
        {
            cache._sorted.Add(new CachedObject(resource, entry.Key, entry.Value, entry.ModRevision));
        }

        cache._sorted.Sort(static (a, b) => string.CompareOrdinal(a.Key, b.Key));
        cache._revision = cache._historyFloor = page.Revision;
        cache._watch = await store.WatchAsync(resource.Prefix, page.Revision, cancellationToken).ConfigureAwait(false);
        cache._pump = Task.Run(cache.PumpAsync, CancellationToken.None);
        return cache;
    }

    /// <summary>Waits until the cache holds a revision of the store.</summary>
    public async ValueTask CatchUpAsync(long revision, CancellationToken cancellationToken)
    {
        for (var attempt = 0; Revision < revision; attempt++)
        {
            Advance();
            if (Revision >= revision)
            {
                return;
            }

            if (IsBroken)
            {
                throw StatusErrors.Unavailable("the watch of the store ended");
            }

            _watch!.RequestProgress(revision);
            if (attempt < 3)
            {
                await Task.Yield();
            }
            else
            {
                await Task.Delay(1, cancellationToken).ConfigureAwait(false);
            }
        }
    }

    /// <summary>The objects whose keys have a prefix and come after a key, with the revision of this view.</summary>
    public (CachedObject[] Objects, long Revision) Snapshot(string prefix, string? after = null)
    {
        lock (_gate)
        {
            var from = LowerBound(after is null ? prefix : after + "\0");
            var to = prefix == _resource.Prefix ? _sorted.Count : LowerBound(prefix[..^1] + (char)(prefix[^1] + 1));
            return (_sorted.GetRange(from, Math.Max(0, to - from)).ToArray(), Revision);
        }
    }

    public CachedObject? Find(string key)
    {
        lock (_gate)
        {
            var index = LowerBound(key);
            return index < _sorted.Count && _sorted[index].Key == key ? _sorted[index] : null;
        }
    }

    /// <summary>
    /// Subscribes to changes after a revision, or (null) to those after the returned snapshot of the present objects.
    /// </summary>
    public async ValueTask<WatchSubscription> SubscribeAsync(string prefix, long? after, CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            if (after is null || after >= _historyFloor)
            {
                var snapshot = after is null ? Snapshot(prefix) : default;
                var subscription = new WatchSubscription(this, prefix, after is null ? snapshot.Revision : Revision, snapshot.Objects ?? []) { ReplayedUpTo = after ?? 0 };
                foreach (var record in _history)
                {
                    if (after is not null && record.Revision > after && record.Object.Key.StartsWith(prefix, StringComparison.Ordinal))
                    {
                        subscription.Replay.Add(record);
                    }
                }

                _subscriptions.Add(subscription);
                return subscription;
            }
        }

        return await ReplayFromStoreAsync(prefix, after.Value, cancellationToken).ConfigureAwait(false);
    }

    public void Unsubscribe(WatchSubscription subscription)
    {
        lock (_gate)
        {
            _subscriptions.Remove(subscription);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync().ConfigureAwait(false);
        await _pump.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (_watch is not null)
        {
            await _watch.DisposeAsync().ConfigureAwait(false);
        }

        _stop.Dispose();
    }

    /// <summary>Takes what the store's watch has delivered, and then its progress.</summary>
    private void Advance()
    {
        lock (_gate)
        {
            var progress = _watch!.Progress;
            while (_watch.Events.TryRead(out var change))
            {
                Apply(change);
            }

            if (progress > Revision)
            {
                Volatile.Write(ref _revision, progress);
            }
        }
    }

    private void Apply(StoreEvent change)
    {
        var index = LowerBound(change.Key);
        var known = index < _sorted.Count && _sorted[index].Key == change.Key;
        var previous = known ? _sorted[index] : null;
        WatchRecord? record = null;
        if (change.Value is { } value)
        {
            var obj = new CachedObject(_resource, change.Key, value, change.Revision);
            record = new WatchRecord(known ? KubeWatchEventType.Modified : KubeWatchEventType.Added, obj, previous);
            if (known)
            {
                _sorted[index] = obj;
            }
            else
            {
                _sorted.Insert(index, obj);
            }
        }
        else if (known)
        {
            _sorted.RemoveAt(index);
            record = new WatchRecord(KubeWatchEventType.Deleted, previous!.At(change.Revision), previous);
        }

        Volatile.Write(ref _revision, Math.Max(Revision, change.Revision));
        if (record is not null)
        {
            Publish(record);
        }
    }

    private void Publish(WatchRecord record)
    {
        Interlocked.Increment(ref _changes);
        _history.Enqueue(record);
        if (_history.Count > HistoryLimit)
        {
            _historyFloor = _history.Dequeue().Revision;
        }

        for (var i = _subscriptions.Count - 1; i >= 0; i--)
        {
            var subscription = _subscriptions[i];
            if (record.Object.Key.StartsWith(subscription.Prefix, StringComparison.Ordinal) && !subscription.Offer(record))
            {
                _subscriptions.RemoveAt(i);
            }
        }
    }

    private async Task PumpAsync()
    {
        try
        {
            while (await _watch!.Events.WaitToReadAsync(_stop.Token).ConfigureAwait(false))
            {
                Advance();
            }

            End(StatusErrors.Unavailable("the watch of the store ended"));
        }
        catch (Exception e) when (e is FaultException or OperationCanceledException)
        {
            End(StatusErrors.Unavailable(e is OperationCanceledException ? "the API server is stopping" : e.Message));
        }
    }

    private void End(Exception reason)
    {
        lock (_gate)
        {
            foreach (var subscription in _subscriptions)
            {
                subscription.End(reason);
            }

            _subscriptions.Clear();
        }
    }

    /// <summary>For a watch that starts before the kept history: reads the gap from the store, then joins the fan-out.</summary>
    private async ValueTask<WatchSubscription> ReplayFromStoreAsync(string prefix, long after, CancellationToken cancellationToken)
    {
        var replay = new List<WatchRecord>();
        IStoreWatch watch;
        try
        {
            watch = await _store.WatchAsync(prefix, after, cancellationToken).ConfigureAwait(false);
        }
        catch (FaultException e) when (e.Kind == FaultKind.Expired)
        {
            throw StatusErrors.Gone(after, _store.CompactedRevision);
        }

        await using (watch.ConfigureAwait(false))
        {
            while (true)
            {
                var progress = watch.Progress;
                while (watch.Events.TryRead(out var change))
                {
                    replay.Add(ToRecord(change));
                }

                long floor;
                lock (_gate)
                {
                    floor = _historyFloor;
                    if (progress >= floor)
                    {
                        var reached = Math.Max(progress, replay.Count > 0 ? replay[^1].Revision : 0);
                        var subscription = new WatchSubscription(this, prefix, Revision, []);
                        subscription.Replay.AddRange(replay);
                        subscription.Replay.AddRange(_history.Where(r => r.Revision > reached && r.Object.Key.StartsWith(prefix, StringComparison.Ordinal)));
                        subscription.ReplayedUpTo = reached;
                        _subscriptions.Add(subscription);
                        return subscription;
                    }
                }

                if (watch.Events.Completion.IsCompleted)
                {
                    throw StatusErrors.Unavailable("the watch of the store ended");
                }

                // What the watch does not select moves the history on too.
                watch.RequestProgress(floor);
                await Task.Delay(1, cancellationToken).ConfigureAwait(false);
            }
        }
    }

    private WatchRecord ToRecord(StoreEvent change)
    {
        var previous = change.Previous is { } before ? new CachedObject(_resource, change.Key, before, change.Revision) : null;
        return change.Value is { } value
            ? new WatchRecord(previous is null ? KubeWatchEventType.Added : KubeWatchEventType.Modified, new CachedObject(_resource, change.Key, value, change.Revision), previous)
            : new WatchRecord(KubeWatchEventType.Deleted, previous!, previous);
    }

    private int LowerBound(string key)
    {
        var low = 0;
        var high = _sorted.Count;
        while (low < high)
        {
            var middle = (low + high) >> 1;
            if (string.CompareOrdinal(_sorted[middle].Key, key) < 0)
            {
                low = middle + 1;
            }
            else
            {
                high = middle;
            }
        }

        return low;
    }
}
