using System.Runtime.CompilerServices;
using Gantry.Faults;
using Gantry.Kube.Api.Resources;
using Gantry.Kube.Api.Storage;
using Gantry.Kube.Client;
using Gantry.Store;

namespace Gantry.Kube.Api.Requests;

/// <summary>A list: the objects, their revision, and how to go on when there are more.</summary>
internal sealed record ListResult(IReadOnlyList<CachedObject> Items, long Revision, string? Continue, long? Remaining);

/// <summary>An event of a watch; a bookmark has no record.</summary>
internal readonly record struct WatchEvent(KubeWatchEventType Type, WatchRecord? Record, long Revision, bool EndsInitialEvents = false);

/// <summary>GET, LIST and WATCH.</summary>
internal sealed class ObjectReader(IStore store, CacheSet caches, TimeProvider time)
{
    /// <summary>How often a quiet watch that allows bookmarks gets one (upstream: about a minute).</summary>
    private static readonly TimeSpan BookmarkInterval = TimeSpan.FromSeconds(50);

    public async ValueTask<StoredObject> GetAsync(ResourceType resource, string? ns, string name, CancellationToken cancellationToken)
        => await TryGetAsync(resource, ns, name, cancellationToken).ConfigureAwait(false) ?? throw StatusErrors.NotFound(resource, name);

    public async ValueTask<StoredObject?> TryGetAsync(ResourceType resource, string? ns, string name, CancellationToken cancellationToken)
    {
        var stored = resource.StoredAs;
        var entry = await store.GetAsync(stored.Key(ns, name), cancellationToken).ConfigureAwait(false);
        return entry is null ? null : new StoredObject(stored, entry.Value, entry.ModRevision);
    }

    public async ValueTask<ListResult> ListAsync(ResourceType resource, string? ns, ListQuery query, CancellationToken cancellationToken)
    {
        var prefix = resource.StoredAs.RangePrefix(ns);
        if (!string.IsNullOrEmpty(query.Continue))
        {
            if (query.ResourceVersion is > 0)
            {
                throw StatusErrors.BadRequest("specifying resource version is not allowed when using continue");
            }

            var token = ContinueToken.Decode(query.Continue);
            return await ReadHistoryAsync(resource, prefix, token.After, token.Revision, query, cancellationToken).ConfigureAwait(false);
        }

        CheckVersionMatch(query);
        if (query.ResourceVersion is > 0 and var wanted && (query.ResourceVersionMatch == "Exact" || (query.ResourceVersionMatch is null && query.Limit > 0)))
        {
            return await ReadHistoryAsync(resource, prefix, null, wanted, query, cancellationToken).ConfigureAwait(false);
        }

        var cache = await caches.GetAsync(resource, cancellationToken).ConfigureAwait(false);
        await WaitForAsync(cache, query.ResourceVersion, cancellationToken).ConfigureAwait(false);
        if (query.Fields.SingleName is { Length: > 0 } name && (ns is { Length: > 0 } || !resource.Namespaced))
        {
            var one = cache.Find(resource.StoredAs.Key(ns, name));
            return new ListResult(one is not null && query.Matches(one) ? [one] : [], cache.Revision, null, null);
        }

        var (objects, revision) = cache.Snapshot(prefix);
        return Page(objects, revision, query);
    }

    /// <summary>
    /// The events of a watch, in order. The enumerable ends at the query's timeout; it throws Expired when the version is
    /// too old, and TooManyRequests when the caller reads too slowly.
    /// </summary>
    public async IAsyncEnumerable<WatchEvent> WatchAsync(ResourceType resource, string? ns, ListQuery query, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        if (query.Timeout is { } limit)
        {
            timeout.CancelAfter(limit);
        }

        var cache = await caches.GetAsync(resource, cancellationToken).ConfigureAwait(false);
        await WaitForAsync(cache, query.ResourceVersion, cancellationToken).ConfigureAwait(false);
        var fromState = query.SendInitialEvents || query.ResourceVersion is null or 0;
        using var subscription = await cache.SubscribeAsync(resource.StoredAs.RangePrefix(ns), fromState ? null : query.ResourceVersion, cancellationToken).ConfigureAwait(false);
        var sent = fromState ? subscription.Revision : query.ResourceVersion!.Value;
        foreach (var obj in subscription.Initial)
        {
            if (query.Matches(obj))
            {
                yield return new WatchEvent(KubeWatchEventType.Added, new WatchRecord(KubeWatchEventType.Added, obj, null), obj.Revision);
            }
        }

        if (query is { SendInitialEvents: true, AllowBookmarks: true })
        {
            yield return new WatchEvent(KubeWatchEventType.Bookmark, null, sent, EndsInitialEvents: true);
        }

        foreach (var record in subscription.Replay)
        {
            if (Classify(record, query) is { } type)
            {
                yield return new WatchEvent(type, record, record.Revision);
            }

            sent = record.Revision;
        }

        while (true)
        {
            var progress = subscription.Progress;
            while (subscription.Live.TryRead(out var record))
            {
                sent = record.Revision;
                if (Classify(record, query) is { } type)
                {
                    yield return new WatchEvent(type, record, record.Revision);
                }
            }

            var wait = await WaitAsync(subscription, timeout.Token).ConfigureAwait(false);
            if (wait == WaitResult.Ended)
            {
                cancellationToken.ThrowIfCancellationRequested();
                yield break;
            }

            if (wait == WaitResult.Quiet && query.AllowBookmarks)
            {
                await cache.CatchUpAsync(await store.ReadRevisionAsync(cancellationToken).ConfigureAwait(false), cancellationToken).ConfigureAwait(false);
                sent = Math.Max(sent, progress);
                yield return new WatchEvent(KubeWatchEventType.Bookmark, null, sent);
            }
        }
    }

    private enum WaitResult
    {
        Ready,
        Quiet,
        Ended,
    }

    private async Task<WaitResult> WaitAsync(WatchSubscription subscription, CancellationToken cancellationToken)
    {
        var ready = subscription.Pending ??= subscription.Live.WaitToReadAsync(cancellationToken).AsTask();
        try
        {
            if (!ready.IsCompleted)
            {
                using var tick = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
                var first = await Task.WhenAny(ready, Task.Delay(BookmarkInterval, time, tick.Token)).ConfigureAwait(false);
                if (first != ready && !cancellationToken.IsCancellationRequested)
                {
                    return WaitResult.Quiet;
                }

                await tick.CancelAsync().ConfigureAwait(false);
            }

            subscription.Pending = null;
            return await ready.ConfigureAwait(false) ? WaitResult.Ready : WaitResult.Ended;
        }
        catch (OperationCanceledException)
        {
            // The query's timeout, or the caller's cancellation, which the caller's token tells.
            return WaitResult.Ended;
        }
    }

    /// <summary>How a change looks through the selectors: an object may enter or leave the selection.</summary>
    private static KubeWatchEventType? Classify(WatchRecord record, ListQuery query)
    {
        if (query.SelectsEverything)
        {
            return record.Type;
        }

        var before = record.Previous is not null && query.Matches(record.Previous);
        var after = record.Type != KubeWatchEventType.Deleted && query.Matches(record.Object);
        return (before, after) switch
        {
            (true, true) => KubeWatchEventType.Modified,
            (false, true) => KubeWatchEventType.Added,
            (true, false) => KubeWatchEventType.Deleted,
            _ => null,
        };
    }

    private static void CheckVersionMatch(ListQuery query)
    {
        if (query.ResourceVersionMatch is null)
        {
            return;
        }

        if (query.ResourceVersionMatch is not ("Exact" or "NotOlderThan"))
        {
            throw StatusErrors.BadRequest($"resourceVersionMatch: Unsupported value: \"{query.ResourceVersionMatch}\": supported values: \"Exact\", \"NotOlderThan\"");
        }

        if (query.ResourceVersion is null)
        {
            throw StatusErrors.BadRequest("resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided");
        }

        if (query is { ResourceVersionMatch: "Exact", ResourceVersion: 0 })
        {
            throw StatusErrors.BadRequest("resourceVersionMatch: Forbidden: resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"");
        }
    }

    /// <summary>Waits until the cache holds a version, or (null) every write that was acknowledged before the call.</summary>
    private async ValueTask WaitForAsync(ResourceCache cache, long? wanted, CancellationToken cancellationToken)
    {
        // A version that is ahead of what this process knows may come from another API server.
        var newest = wanted is null || wanted > store.Revision ? await store.ReadRevisionAsync(cancellationToken).ConfigureAwait(false) : store.Revision;
        var version = wanted ?? newest;
        if (version > newest)
        {
            throw new KubeStatusException(FaultKind.DeadlineExceeded, 504, "Timeout", $"Too large resource version: {version}, current: {newest}", new(null, null, null, null, [new("ResourceVersionTooLarge", "Too large resource version", null)], 1));
        }

        await cache.CatchUpAsync(version, cancellationToken).ConfigureAwait(false);
    }

    private async ValueTask<ListResult> ReadHistoryAsync(ResourceType resource, string prefix, string? after, long revision, ListQuery query, CancellationToken cancellationToken)
    {
        try
        {
            var page = await store.RangeAsync(new StoreRange(prefix, after, query.SelectsEverything ? query.Limit : 0, revision), cancellationToken).ConfigureAwait(false);
            var objects = page.Entries.Select(e => new CachedObject(resource.StoredAs, e.Key, e.Value, e.ModRevision)).ToArray();
            if (query.SelectsEverything && page.More)
            {
                return new ListResult(objects, revision, new ContinueToken(revision, objects[^1].Key).Encode(), page.Remaining);
            }

            return Page(objects, revision, query);
        }
        catch (FaultException e) when (e.Kind == FaultKind.Expired)
        {
            throw after is null ? StatusErrors.Gone(revision, store.CompactedRevision) : StatusErrors.ContinueExpired();
        }
    }

    private static ListResult Page(CachedObject[] objects, long revision, ListQuery query)
    {
        var everything = query.SelectsEverything;
        if (everything && (query.Limit <= 0 || objects.Length <= query.Limit))
        {
            return new ListResult(objects, revision, null, null);
        }

        var selected = new List<CachedObject>();
        for (var i = 0; i < objects.Length; i++)
        {
            if (!everything && !query.Matches(objects[i]))
            {
                continue;
            }

            if (query.Limit > 0 && selected.Count == query.Limit)
            {
                // The number of those that remain is known only without selectors, as upstream.
                return new ListResult(selected, revision, new ContinueToken(revision, selected[^1].Key).Encode(), everything ? objects.Length - i : null);
            }

            selected.Add(objects[i]);
        }

        return new ListResult(selected, revision, null, null);
    }
}
