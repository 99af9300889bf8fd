using System.Collections.Concurrent;
using System.Collections.Immutable;
using Gantry.Kube.Model;

namespace Gantry.Kube.Client.Informers;

/// <summary>Cached objects by a derived value, such as pods by node. Kept by its informer.</summary>
public sealed class InformerIndex<T>
    where T : class, IKubeObject<T>, new()
{
    private readonly Func<T, IEnumerable<string>> _keysOf;
    private readonly ConcurrentDictionary<string, ImmutableDictionary<string, T>> _buckets = new(StringComparer.Ordinal);

    internal InformerIndex(Func<T, IEnumerable<string>> keysOf) => _keysOf = keysOf;

    /// <summary>The objects with the value, as they were at this moment.</summary>
    public IEnumerable<T> Get(string value) =>
        _buckets.TryGetValue(value, out var bucket) ? bucket.Values : [];

    internal void Apply(T? previous, T? next)
    {
        var key = ObjectKey.Of((previous ?? next)!);
        var nextValues = next is null ? [] : _keysOf(next).ToArray();
        foreach (var value in previous is null ? [] : _keysOf(previous))
        {
            if (!nextValues.Contains(value) && _buckets.TryGetValue(value, out var bucket))
            {
                Store(value, bucket.Remove(key));
            }
        }

        foreach (var value in nextValues)
        {
            var bucket = _buckets.GetValueOrDefault(value, ImmutableDictionary<string, T>.Empty);
            Store(value, bucket.SetItem(key, next!));
        }
    }

    private void Store(string value, ImmutableDictionary<string, T> bucket)
    {
        if (bucket.IsEmpty)
        {
            _buckets.TryRemove(value, out _);
        }
        else
        {
            _buckets[value] = bucket;
        }
    }
}
