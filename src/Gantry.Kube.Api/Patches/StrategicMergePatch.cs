using Gantry.Kube.Api.Json;
using Gantry.Kube.Api.Requests;
using Gantry.Schema;

namespace Gantry.Kube.Api.Patches;

/// <summary>
/// Strategic merge patch: like a merge patch, but lists whose schema says so are merged by key, and the directives $patch,
/// $retainKeys, $setElementOrder/x and $deleteFromPrimitiveList/x are honoured
/// (sig-api-machinery's strategic-merge-patch.md).
/// </summary>
internal static class StrategicMergePatch
{
    private const string Directive = "$patch";
    private const string RetainKeys = "$retainKeys";
    private const string OrderPrefix = "$setElementOrder/";
    private const string DeletePrefix = "$deleteFromPrimitiveList/";

    public static JsonMap Apply(JsonMap target, JsonMap patch, SchemaType? type)
    {
        switch (patch.Text(Directive))
        {
            case "replace":
                var replaced = JsonTree.Clone(patch);
                replaced.Remove(Directive);
                return replaced;
            case "delete": return [];
            default: break;
        }

        if (patch.List(RetainKeys) is { } retain)
        {
            foreach (var key in target.Keys.Where(k => !retain.Contains(k)).ToList())
            {
                target.Remove(key);
            }
        }

        foreach (var (key, value) in patch)
        {
            if (key is Directive or RetainKeys)
            {
                continue;
            }

            if (key.StartsWith(DeletePrefix, StringComparison.Ordinal))
            {
                target.List(key[DeletePrefix.Length..])?.RemoveAll(item => ((List<object?>)value!).Any(v => JsonTree.Same(item, v)));
            }
            else if (!key.StartsWith(OrderPrefix, StringComparison.Ordinal))
            {
                ApplyField(target, key, value, type?.Find(key), patch.List(OrderPrefix + key));
            }
        }

        ApplyOrderOnly(target, patch, type);
        return target;
    }

    private static void ApplyField(JsonMap target, string key, object? value, SchemaField? field, List<object?>? order)
    {
        switch (value)
        {
            case null:
                target.Remove(key);
                break;
            case JsonMap map:
                var kind = field?.Type.Kind;
                var nested = kind == FieldKind.Object ? field!.Type.Target : null;
                if (map.Text(Directive) == "delete")
                {
                    target.Remove(key);
                    break;
                }

                target[key] = Apply(target.Map(key) ?? [], map, nested);
                break;
            case List<object?> list when field is { PatchMerge: true }:
                target[key] = field.PatchMergeKey is { } mergeKey
                    ? MergeObjects(target.List(key) ?? [], list, mergeKey, field.Type.Element?.Target, order)
                    : MergeScalars(target.List(key) ?? [], list, order);
                break;
            default:
                target[key] = JsonTree.Clone(value);
                break;
        }
    }

    private static List<object?> MergeScalars(List<object?> target, List<object?> patch, List<object?>? order)
    {
        foreach (var item in patch)
        {
            if (!target.Any(t => JsonTree.Same(t, item)))
            {
                target.Add(item);
            }
        }

        return order is null ? target : Order(target, order, static item => item);
    }

    private static List<object?> MergeObjects(List<object?> target, List<object?> patch, string mergeKey, SchemaType? type, List<object?>? order)
    {
        if (patch.OfType<JsonMap>().Any(static p => p.Text(Directive) == "replace" && p.Count == 1))
        {
            return [.. patch.OfType<JsonMap>().Where(static p => !p.ContainsKey(Directive)).Select(static p => (object?)JsonTree.Clone(p))];
        }

        foreach (var item in patch)
        {
            if (item is not JsonMap map)
            {
                throw StatusErrors.BadRequest("cannot patch a list of objects with a scalar");
            }

            if (!map.TryGetValue(mergeKey, out var key))
            {
                throw StatusErrors.BadRequest($"map: map[] does not contain declared merge key: {mergeKey}");
            }

            var index = target.FindIndex(t => t is JsonMap other && JsonTree.Same(other.GetValueOrDefault(mergeKey), key));
            switch (map.Text(Directive))
            {
                case "delete":
                    target.RemoveAll(t => t is JsonMap other && JsonTree.Same(other.GetValueOrDefault(mergeKey), key));
                    break;
                case "replace":
                    var replacement = JsonTree.Clone(map);
                    replacement.Remove(Directive);
                    if (index < 0)
                    {
                        target.Add(replacement);
                    }
                    else
                    {
                        target[index] = replacement;
                    }

                    break;
                default:
                    if (index < 0)
                    {
                        target.Add(Apply([], map, type));
                    }
                    else
                    {
                        target[index] = Apply((JsonMap)target[index]!, map, type);
                    }

                    break;
            }
        }

        return order is null ? target : Order(target, order, item => (item as JsonMap)?.GetValueOrDefault(mergeKey));
    }

    /// <summary>$setElementOrder without a patch of the same list only reorders.</summary>
    private static void ApplyOrderOnly(JsonMap target, JsonMap patch, SchemaType? type)
    {
        foreach (var (key, value) in patch)
        {
            if (!key.StartsWith(OrderPrefix, StringComparison.Ordinal) || value is not List<object?> order)
            {
                continue;
            }

            var name = key[OrderPrefix.Length..];
            if (patch.ContainsKey(name) || target.List(name) is not { } list)
            {
                continue;
            }

            var mergeKey = type?.Find(name)?.PatchMergeKey;
            target[name] = Order(list, order, item => mergeKey is null ? item : (item as JsonMap)?.GetValueOrDefault(mergeKey));
        }
    }

    /// <summary>
    /// Sorts the items that the order names by it, and leaves those that only the server has in their place relative to the
    /// item before them.
    /// </summary>
    private static List<object?> Order(List<object?> items, List<object?> order, Func<object?, object?> keyOf)
    {
        var keys = order.Select(o => o is JsonMap map && map.Count == 1 ? map.Values.First() : keyOf(o) ?? o).ToList();
        int Rank(object? item) => keys.FindIndex(k => JsonTree.Same(k, keyOf(item)));
        var ordered = items.Where(i => Rank(i) >= 0).OrderBy(Rank).ToList();
        object? before = null;
        foreach (var item in items)
        {
            if (Rank(item) < 0)
            {
                ordered.Insert(before is null ? 0 : ordered.IndexOf(before) + 1, item);
            }

            before = item;
        }

        return ordered;
    }
}
