using System.Text.Json;

namespace Gantry.Kube.Api.Resources;

/// <summary>An object in memory: its stored bytes, with labels and selectable fields read when first asked for.</summary>
internal sealed class CachedObject
{
    private Dictionary<string, string>? _labels;
    private string?[]? _fields;
    private object? _typed;

    public CachedObject(ResourceType resource, string key, ReadOnlyMemory<byte> data, long revision)
    {
        Resource = resource;
        Key = key;
        Data = data;
        Revision = revision;
        var name = key.LastIndexOf('/') + 1;
        Name = key[name..];
        Namespace = resource.Namespaced && name - 1 > resource.Prefix.Length ? key[resource.Prefix.Length..(name - 1)] : "";
    }

    public ResourceType Resource { get; }

    public string Key { get; }

    public string Namespace { get; }

    public string Name { get; }

    public ReadOnlyMemory<byte> Data { get; }

    public long Revision { get; }

    public StoredObject Stored => new(Resource, Data, Revision);

    public IReadOnlyDictionary<string, string> Labels => _labels ??= JsonProbe.ReadLabels(Data.Span);

    /// <summary>The same object at a later revision: what a DELETED event shows.</summary>
    public CachedObject At(long revision) => new(Resource, Key, Data, revision);

    /// <summary>A selectable field's value; empty when absent.</summary>
    public string Field(string path)
    {
        switch (path)
        {
            case "metadata.name": return Name;
            case "metadata.namespace": return Namespace;
            default: break;
        }

        var paths = Resource.Strategy.SelectablePaths;
        var index = Array.IndexOf(paths, path);
        if (index < 0)
        {
            return "";
        }

        _fields ??= new string?[paths.Length];
        return _fields[index] ??= JsonProbe.ReadPath(Data.Span, path) ?? Resource.Strategy.SelectableDefault(path);
    }

    /// <summary>The object as its class, parsed once and shared: read-only.</summary>
    public T Typed<T>(Func<CachedObject, T> parse)
        where T : class
    {
        if (_typed is T typed)
        {
            return typed;
        }

        typed = parse(this);
        _typed = typed;
        return typed;
    }
}
