using System.Collections.Concurrent;
using Gantry.Faults;
using Gantry.Kube.Model;
using Microsoft.Extensions.Logging;

namespace Gantry.Kube.Client.Informers;

/// <summary>
/// A cache of all objects of one type (in one namespace or in all), kept up to date by list and watch. The objects are
/// shared by everybody who reads the cache: clone before changing. Handlers are called one at a time, in the order of
/// changes, and see an object only after the cache holds it; they must be quick (enqueue a key, no more).
/// </summary>
public sealed partial class Informer<T> : IInformer
    where T : class, IKubeObject<T>, new()
{
    private readonly IKubeClient _client;
    private readonly string? _namespace;
    private readonly KubeListOptions? _options;
    private readonly ILogger _logger;
    private readonly ConcurrentDictionary<string, T> _objects = new(StringComparer.Ordinal);
    private readonly List<InformerIndex<T>> _indexes = [];
    private readonly List<Action<T?, T?>> _handlers = [];
    private readonly Lock _gate = new();
    private readonly TaskCompletionSource _synced = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Makes an informer; <see cref="RunAsync"/> fills it.</summary>
    public Informer(IKubeClient client, ILogger logger, string? ns = null, KubeListOptions? options = null)
    {
        _client = client;
        _logger = logger;
        _namespace = ns;
        _options = options;
    }

    /// <summary>Completes when the first list is in the cache.</summary>
    public Task Synced => _synced.Task;

    /// <summary>All cached objects, in no order.</summary>
    public IEnumerable<T> List() => _objects.Values;

    /// <summary>The cached object, or null.</summary>
    public T? Get(string? ns, string name) => Get(ObjectKey.Of(ns, name));

    /// <summary>The cached object of a key (see <see cref="ObjectKey"/>), or null.</summary>
    public T? Get(string key) => _objects.GetValueOrDefault(key);

    /// <summary>
    /// Adds a handler: (null, new) for an addition, (old, new) for a change, (old, null) for a deletion. A handler that is
    /// added later is first told of everything in the cache.
    /// </summary>
    public void Subscribe(Action<T?, T?> handler)
    {
        lock (_gate)
        {
            foreach (var obj in _objects.Values)
            {
                handler(null, obj);
            }

            _handlers.Add(handler);
        }
    }

    /// <summary>Adds an index: the cached objects by the values that <paramref name="keysOf"/> gives for each.</summary>
    public InformerIndex<T> Index(Func<T, IEnumerable<string>> keysOf)
    {
        lock (_gate)
        {
            var index = new InformerIndex<T>(keysOf);
            foreach (var obj in _objects.Values)
            {
                index.Apply(null, obj);
            }

            _indexes.Add(index);
            return index;
        }
    }

    /// <summary>Lists and watches until cancelled; lists again whenever the watch cannot go on.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        var failures = 0;
        while (!cancellationToken.IsCancellationRequested)
        {
            try
            {
                var version = await ListOnceAsync(cancellationToken).ConfigureAwait(false);
                _synced.TrySetResult();
                failures = 0;
                await WatchFromAsync(version, cancellationToken).ConfigureAwait(false);
            }
            catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception failure)
            {
                if (failure is not FaultException { Kind: FaultKind.Expired or FaultKind.ResourceExhausted })
                {
                    LogListFailed(_logger, T.ResourceType.Plural, failure);
                }

                // client-go's reflector backs off from 0.8 s to 30 s.
                var delay = TimeSpan.FromSeconds(Math.Min(30, 0.1 * Math.Pow(2, Math.Min(failures++, 10))));
                await Task.Delay(delay, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    private async Task<string> ListOnceAsync(CancellationToken cancellationToken)
    {
        var list = await _client.ListAsync<T>(_namespace, _options, cancellationToken).ConfigureAwait(false);
        var present = new HashSet<string>(StringComparer.Ordinal);
        foreach (var obj in list.Items)
        {
            var key = ObjectKey.Of(obj);
            present.Add(key);
            Apply(key, obj);
        }

        foreach (var key in _objects.Keys.Where(key => !present.Contains(key)).ToArray())
        {
            Apply(key, null);
        }

        return list.ResourceVersion;
    }

    private async Task WatchFromAsync(string version, CancellationToken cancellationToken)
    {
        while (true)
        {
            var started = version;
            await foreach (var change in _client.WatchAsync<T>(_namespace, version, _options, cancellationToken).ConfigureAwait(false))
            {
                version = change.Object.Metadata.ResourceVersion ?? version;
                if (change.Type != KubeWatchEventType.Bookmark)
                {
                    Apply(ObjectKey.Of(change.Object), change.Type == KubeWatchEventType.Deleted ? null : change.Object);
                }
            }

            if (version == started)
            {
                // An end without progress could repeat for ever; a list tells what holds.
                return;
            }
        }
    }

    private void Apply(string key, T? next)
    {
        lock (_gate)
        {
            _objects.TryGetValue(key, out var previous);
            if (previous is null && next is null)
            {
                return;
            }

            if (next is null)
            {
                _objects.TryRemove(key, out _);
            }
            else if (previous?.Metadata.ResourceVersion == next.Metadata.ResourceVersion && previous?.Metadata.Uid == next.Metadata.Uid)
            {
                return;
            }
            else
            {
                _objects[key] = next;
            }

            foreach (var index in _indexes)
            {
                index.Apply(previous, next);
            }

            foreach (var handler in _handlers)
            {
                handler(previous, next);
            }
        }
    }

    [LoggerMessage(4001, LogLevel.Warning, "Watch of {Resource} failed and starts again")]
    private static partial void LogListFailed(ILogger logger, string resource, Exception failure);
}
