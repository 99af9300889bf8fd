using Gantry.Kube.Api.Json;
using Gantry.Schema;

namespace Gantry.Kube.Api.FieldOwnership;

/// <summary>How ownership treats a field's value.</summary>
internal enum OwnershipKind
{
    /// <summary>One value.</summary>
    Leaf,

    /// <summary>Each field by itself.</summary>
    Object,

    /// <summary>Each key by itself.</summary>
    Map,

    /// <summary>Each item by its keys.</summary>
    Items,

    /// <summary>Each value by itself.</summary>
    Values,
}

/// <summary>The steps of field paths, from the schema.</summary>
internal static class FieldShape
{
    public static OwnershipKind Of(SchemaField? field)
    {
        if (field is null)
        {
            return OwnershipKind.Leaf;
        }

        return field.Type.Kind switch
        {
            FieldKind.Object => field.AtomicMap || field.Type.Target!.Atomic ? OwnershipKind.Leaf : OwnershipKind.Object,
            FieldKind.Map => field.AtomicMap ? OwnershipKind.Leaf : OwnershipKind.Map,
            FieldKind.List => field.List switch { ListKind.Map => OwnershipKind.Items, ListKind.Set => OwnershipKind.Values, _ => OwnershipKind.Leaf },
            _ => OwnershipKind.Leaf,
        };
    }

    public static string Step(string name) => "f:" + name;

    public static string ValueStep(object? value) => "v:" + JsonTree.ToText(value);

    /// <summary>The step of a list item; keys that it does not have count with their defaults.</summary>
    public static string ItemStep(JsonMap item, SchemaField field)
    {
        var keys = new JsonMap();
        foreach (var key in field.ListKeys.Order(StringComparer.Ordinal))
        {
            if (item.TryGetValue(key, out var value))
            {
                keys[key] = value;
            }
            else if (field.Type.Element?.Target?.Find(key)?.Default is { } text)
            {
                keys[key] = JsonTree.Parse(System.Text.Encoding.UTF8.GetBytes(text));
            }
        }

        return "k:" + JsonTree.ToText(keys);
    }
}
