using Gantry.Kube.Api.Json;

namespace Gantry.Kube.Api.History;

/// <summary>One field in which two trees differ; a value is null where the field is absent.</summary>
internal readonly record struct FieldChange(string Path, object? Before, object? After)
{
    // Longer values are cut: the line is there to be read.
    private const int ShownLength = 60;

    /// <summary>
    /// The leaves in which two objects differ. What every write changes (resource version, generation, ownership of fields) is left out,
    /// and the status unless it is asked for. List elements are matched by name, as people read them, or else by position.
    /// </summary>
    public static List<FieldChange> Between(JsonMap before, JsonMap after, bool withStatus)
    {
        var changes = new List<FieldChange>();
        Compare("", Strip(before, withStatus), Strip(after, withStatus), changes);
        return changes;
    }

    /// <summary>An object without what says nothing about what somebody wanted.</summary>
    public static JsonMap Strip(JsonMap obj, bool withStatus)
    {
        var copy = JsonTree.Clone(obj);
        if (!withStatus)
        {
            copy.Remove("status");
        }

        if (copy.TryGetMap("metadata", out var metadata))
        {
            foreach (var key in (string[])["resourceVersion", "generation", "managedFields", "creationTimestamp", "uid"])
            {
                metadata.Remove(key);
            }
        }

        return copy;
    }

    public override string ToString() => $"{Path}: {Show(Before)} -> {Show(After)}";

    private static void Compare(string path, object? before, object? after, List<FieldChange> changes)
    {
        switch (before, after)
        {
            case (JsonMap a, JsonMap b):
                foreach (var key in a.Keys.Union(b.Keys))
                {
                    Compare(path.Length == 0 ? key : $"{path}.{key}", a.GetValueOrDefault(key), b.GetValueOrDefault(key), changes);
                }

                break;
            case (List<object?> a, List<object?> b):
                CompareLists(path, a, b, changes);
                break;
            default:
                if (!JsonTree.Same(before, after))
                {
                    changes.Add(new FieldChange(path, before, after));
                }

                break;
        }
    }

    private static void CompareLists(string path, List<object?> before, List<object?> after, List<FieldChange> changes)
    {
        if (Named(before) is { } a && Named(after) is { } b)
        {
            foreach (var name in a.Keys.Union(b.Keys))
            {
                Compare($"{path}[{name}]", a.GetValueOrDefault(name), b.GetValueOrDefault(name), changes);
            }

            return;
        }

        for (var i = 0; i < Math.Max(before.Count, after.Count); i++)
        {
            Compare($"{path}[{i}]", i < before.Count ? before[i] : null, i < after.Count ? after[i] : null, changes);
        }
    }

    private static Dictionary<string, object?>? Named(List<object?> list)
    {
        var named = new Dictionary<string, object?>(StringComparer.Ordinal);
        foreach (var item in list)
        {
            if (item is not JsonMap map || map.Text("name") is not { } name || !named.TryAdd(name, map))
            {
                return null;
            }
        }

        return named;
    }

    private static string Show(object? value)
    {
        var text = value switch
        {
            null => "(none)",
            string plain => plain,
            _ => JsonTree.ToText(value),
        };
        text = text.ReplaceLineEndings(" ");
        return text.Length <= ShownLength ? text : text[..(ShownLength - 3)] + "...";
    }
}
