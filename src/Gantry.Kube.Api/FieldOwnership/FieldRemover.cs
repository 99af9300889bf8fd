using Gantry.Kube.Api.Json;
using Gantry.Schema;

namespace Gantry.Kube.Api.FieldOwnership;

/// <summary>Takes the fields of a set out of an object, and the objects that become empty by it.</summary>
internal static class FieldRemover
{
    /// <summary>
    /// Removes the set's fields. A whole object goes, with what defaults have put into it, when neither the new
    /// configuration nor another manager has anything in it (<paramref name="owners"/> are their sets).
    /// </summary>
    public static void Remove(JsonMap obj, SchemaType type, FieldSet set, IEnumerable<FieldSet> owners)
        => Object(obj, type, set, [.. owners]);

    private static void Object(JsonMap obj, SchemaType type, FieldSet set, List<FieldSet?> owners)
    {
        foreach (var (step, child) in set.Children)
        {
            var name = step[2..];
            if (!obj.TryGetValue(name, out var value))
            {
                continue;
            }

            var field = type.Find(name);
            var below = owners.ConvertAll(o => o?.Find(step));
            if ((child.Member && child.Children.Count == 0) || below.TrueForAll(static o => o is null || o.IsEmpty))
            {
                obj.Remove(name);
                continue;
            }

            switch (FieldShape.Of(field), value)
            {
                case (OwnershipKind.Object, JsonMap map):
                    Object(map, field!.Type.Target!, child, below);
                    break;
                case (OwnershipKind.Map, JsonMap map):
                    foreach (var key in child.Children.Where(static c => c.Value.Member).Select(static c => c.Key[2..]).ToList())
                    {
                        map.Remove(key);
                    }

                    break;
                case (OwnershipKind.Items, List<object?> list):
                    Items(list, field!, child, below);
                    break;
                case (OwnershipKind.Values, List<object?> list):
                    list.RemoveAll(v => child.Find(FieldShape.ValueStep(v)) is { Member: true });
                    break;
                default: break;
            }

            if (value is JsonMap { Count: 0 } or List<object?> { Count: 0 })
            {
                obj.Remove(name);
            }
        }
    }

    private static void Items(List<object?> list, SchemaField field, FieldSet set, List<FieldSet?> owners)
    {
        for (var i = list.Count - 1; i >= 0; i--)
        {
            var item = (JsonMap)list[i]!;
            var step = FieldShape.ItemStep(item, field);
            if (set.Find(step) is not { } child)
            {
                continue;
            }

            var below = owners.ConvertAll(o => o?.Find(step));

            // An item that another manager has fields in stays, with these.
            if (child.Member && below.All(static o => o is null || o.IsEmpty))
            {
                list.RemoveAt(i);
            }
            else
            {
                Object(item, field.Type.Element!.Target!, child, below);
            }
        }
    }
}
