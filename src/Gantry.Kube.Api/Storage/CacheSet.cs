using System.Collections.Concurrent;
using Gantry.Kube.Api.Resources;
using Gantry.Store;

namespace Gantry.Kube.Api.Storage;

/// <summary>The caches, each made when its resource is first listed or watched.</summary>
internal sealed class CacheSet(IStore store) : IAsyncDisposable
{
    private readonly ConcurrentDictionary<ResourceType, Lazy<Task<ResourceCache>>> _caches = new();

    public async ValueTask<ResourceCache> GetAsync(ResourceType resource, CancellationToken cancellationToken)
    {
        resource = resource.StoredAs;
        while (true)
        {
            var lazy = _caches.GetOrAdd(resource, r => new Lazy<Task<ResourceCache>>(() => ResourceCache.StartAsync(r, store, CancellationToken.None)));
            var task = lazy.Value;
            if (task.IsCompletedSuccessfully && !task.Result.IsBroken)
            {
                return task.Result;
            }

            if (task.IsFaulted || task.IsCanceled || (task.IsCompletedSuccessfully && task.Result.IsBroken))
            {
                // Whoever takes it away disposes it; the others meet the next one.
                if (_caches.TryRemove(KeyValuePair.Create(resource, lazy)) && task.IsCompletedSuccessfully)
                {
                    await task.Result.DisposeAsync().ConfigureAwait(false);
                }

                if (task.IsCompletedSuccessfully)
                {
                    continue;
                }
            }

            await task.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>A cache that holds every write acknowledged before the call.</summary>
    public async ValueTask<ResourceCache> GetCurrentAsync(ResourceType resource, CancellationToken cancellationToken)
    {
        var cache = await GetAsync(resource, cancellationToken).ConfigureAwait(false);
        await cache.CatchUpAsync(await store.ReadRevisionAsync(cancellationToken).ConfigureAwait(false), cancellationToken).ConfigureAwait(false);
        return cache;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var lazy in _caches.Values)
        {
            if (lazy.Value.IsCompletedSuccessfully)
            {
                await lazy.Value.Result.DisposeAsync().ConfigureAwait(false);
            }
        }
    }
}
