using System.Diagnostics.CodeAnalysis;

namespace Gantry.Kube.Api.Json;

/// <summary>
/// A JSON object as a mutable tree. Values are <c>JsonMap</c>, <c>List&lt;object?&gt;</c>, <c>string</c>, <c>long</c>,
/// <c>double</c>, <c>bool</c> or null. Keys keep the order in which they came.
/// </summary>
internal sealed class JsonMap : Dictionary<string, object?>
{
    public JsonMap()
        : base(StringComparer.Ordinal)
    {
    }

    public JsonMap(int capacity)
        : base(capacity, StringComparer.Ordinal)
    {
    }

    /// <summary>The value, or null when the key is absent or the value is of another type.</summary>
    public string? Text(string key) => TryGetValue(key, out var value) ? value as string : null;

    public JsonMap? Map(string key) => TryGetValue(key, out var value) ? value as JsonMap : null;

    public List<object?>? List(string key) => TryGetValue(key, out var value) ? value as List<object?> : null;

    public long? Number(string key) => TryGetValue(key, out var value) && value is long number ? number : null;

    public bool Flag(string key) => TryGetValue(key, out var value) && value is true;

    /// <summary>The items of a list that are objects; none when the key is absent.</summary>
    public IEnumerable<JsonMap> Maps(string key) => List(key)?.OfType<JsonMap>() ?? [];

    /// <summary>The map at a key, made when absent.</summary>
    public JsonMap MapOrNew(string key)
    {
        if (Map(key) is not { } map)
        {
            this[key] = map = new JsonMap();
        }

        return map;
    }

    /// <summary>Sets the key when it is absent; says whether it did.</summary>
    public bool Default(string key, object? value) => TryAdd(key, value);

    /// <summary>The value at a path of keys, or null.</summary>
    public object? At(params ReadOnlySpan<string> path)
    {
        object? value = this;
        foreach (var key in path)
        {
            if (value is not JsonMap map || !map.TryGetValue(key, out value))
            {
                return null;
            }
        }

        return value;
    }

    public bool TryGetMap(string key, [NotNullWhen(true)] out JsonMap? map) => (map = Map(key)) is not null;

    public bool TryGetList(string key, [NotNullWhen(true)] out List<object?>? list) => (list = List(key)) is not null;
}
