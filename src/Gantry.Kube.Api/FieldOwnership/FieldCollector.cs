using Gantry.Kube.Api.Json;
using Gantry.Schema;

namespace Gantry.Kube.Api.FieldOwnership;

/// <summary>Computes field sets of objects, and of the differences between two.</summary>
internal static class FieldCollector
{
    /// <summary>What nobody owns: the identity, and what the server decides (upstream's stripSet).</summary>
    private static readonly string[] Unowned =
        ["name", "namespace", "creationTimestamp", "selfLink", "uid", "generation", "managedFields", "resourceVersion", "deletionTimestamp", "deletionGracePeriodSeconds"];

    /// <summary>All fields that an object sets.</summary>
    public static FieldSet Collect(JsonMap obj, SchemaType type)
    {
        var set = new FieldSet();
        CollectObject(obj, type, set);
        Strip(set);
        return set;
    }

    /// <summary>What differs: the fields that are new or have another value, and those that are gone.</summary>
    public static (FieldSet Changed, FieldSet Removed) Compare(JsonMap old, JsonMap obj, SchemaType type)
    {
        var changed = new FieldSet();
        var removed = new FieldSet();
        CompareObject(old, obj, type, changed, removed);
        Strip(changed);
        Strip(removed);
        return (changed, removed);
    }

    private static void Strip(FieldSet set)
    {
        set.Remove("f:apiVersion");
        set.Remove("f:kind");
        if (set.Find("f:metadata") is { } metadata)
        {
            foreach (var name in Unowned)
            {
                metadata.Remove("f:" + name);
            }

            metadata.Member = false;
            if (metadata.IsEmpty)
            {
                set.Remove("f:metadata");
            }
        }
    }

    private static void CollectObject(JsonMap obj, SchemaType type, FieldSet set)
    {
        foreach (var (name, value) in obj)
        {
            CollectValue(value, type.Find(name), set.Child(FieldShape.Step(name)));
        }
    }

    private static void CollectValue(object? value, SchemaField? field, FieldSet node)
    {
        switch (FieldShape.Of(field), value)
        {
            case (OwnershipKind.Object, JsonMap { Count: > 0 } map):
                CollectObject(map, field!.Type.Target!, node);
                break;
            case (OwnershipKind.Map, JsonMap { Count: > 0 } map):
                foreach (var key in map.Keys)
                {
                    node.Child(FieldShape.Step(key)).Member = true;
                }

                break;
            case (OwnershipKind.Items, List<object?> { Count: > 0 } list):
                foreach (var item in list.OfType<JsonMap>())
                {
                    var child = node.Child(FieldShape.ItemStep(item, field!));
                    child.Member = true;
                    CollectObject(item, field!.Type.Element!.Target!, child);
                }

                break;
            case (OwnershipKind.Values, List<object?> { Count: > 0 } list):
                foreach (var item in list)
                {
                    node.Child(FieldShape.ValueStep(item)).Member = true;
                }

                break;
            default:
                node.Member = true;
                break;
        }
    }

    private static void CompareObject(JsonMap old, JsonMap obj, SchemaType type, FieldSet changed, FieldSet removed)
    {
        foreach (var (name, value) in obj)
        {
            var step = FieldShape.Step(name);
            if (!old.TryGetValue(name, out var before))
            {
                CollectValue(value, type.Find(name), changed.Child(step));
            }
            else
            {
                CompareChild(before, value, type.Find(name), step, changed, removed);
            }
        }

        foreach (var name in old.Keys)
        {
            if (!obj.ContainsKey(name))
            {
                removed.Child(FieldShape.Step(name)).Member = true;
            }
        }
    }

    private static void CompareChild(object? before, object? value, SchemaField? field, string step, FieldSet changed, FieldSet removed)
    {
        var mine = new FieldSet();
        var gone = new FieldSet();
        CompareValue(before, value, field, mine, gone);
        if (!mine.IsEmpty)
        {
            changed.Child(step).Add(mine);
        }

        if (!gone.IsEmpty)
        {
            removed.Child(step).Add(gone);
        }
    }

    private static void CompareValue(object? before, object? value, SchemaField? field, FieldSet changed, FieldSet removed)
    {
        switch (FieldShape.Of(field), before, value)
        {
            case (OwnershipKind.Object, JsonMap a, JsonMap b):
                CompareObject(a, b, field!.Type.Target!, changed, removed);
                break;
            case (OwnershipKind.Map, JsonMap a, JsonMap b):
                CompareKeys(a, b, changed, removed);
                break;
            case (OwnershipKind.Items, List<object?> a, List<object?> b):
                CompareItems(a, b, field!, changed, removed);
                break;
            case (OwnershipKind.Values, List<object?> a, List<object?> b):
                b.Where(v => !a.Any(o => JsonTree.Same(o, v))).ToList().ForEach(v => changed.Child(FieldShape.ValueStep(v)).Member = true);
                a.Where(v => !b.Any(o => JsonTree.Same(o, v))).ToList().ForEach(v => removed.Child(FieldShape.ValueStep(v)).Member = true);
                break;
            default:
                changed.Member |= !JsonTree.Same(before, value);
                break;
        }
    }

    private static void CompareKeys(JsonMap old, JsonMap map, FieldSet changed, FieldSet removed)
    {
        foreach (var (key, value) in map)
        {
            if (!old.TryGetValue(key, out var before) || !JsonTree.Same(before, value))
            {
                changed.Child(FieldShape.Step(key)).Member = true;
            }
        }

        foreach (var key in old.Keys.Where(k => !map.ContainsKey(k)))
        {
            removed.Child(FieldShape.Step(key)).Member = true;
        }
    }

    private static void CompareItems(List<object?> old, List<object?> list, SchemaField field, FieldSet changed, FieldSet removed)
    {
        var type = field.Type.Element!.Target!;
        var before = new Dictionary<string, JsonMap>(StringComparer.Ordinal);
        foreach (var item in old.OfType<JsonMap>())
        {
            before[FieldShape.ItemStep(item, field)] = item;
        }

        foreach (var item in list.OfType<JsonMap>())
        {
            var step = FieldShape.ItemStep(item, field);
            if (before.Remove(step, out var previous))
            {
                var mine = new FieldSet();
                var gone = new FieldSet();
                CompareObject(previous, item, type, mine, gone);
                if (!mine.IsEmpty)
                {
                    changed.Child(step).Add(mine);
                }

                if (!gone.IsEmpty)
                {
                    removed.Child(step).Add(gone);
                }

                continue;
            }

            var child = changed.Child(step);
            child.Member = true;
            CollectObject(item, type, child);
        }

        foreach (var step in before.Keys)
        {
            removed.Child(step).Member = true;
        }
    }
}
