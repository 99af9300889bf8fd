using Gantry.Kube.Api.Json;
using Gantry.Kube.Api.Requests;
using Gantry.Kube.Api.Resources;
using Gantry.Kube.Client;
using Gantry.Kube.Model;
using Gantry.Schema;

namespace Gantry.Kube.Api.FieldOwnership;

/// <summary>
/// Server-side apply: merges an applied configuration into the present object. A manager owns what it applied last; what
/// it no longer applies goes away unless somebody else owns it; what others own with another value is a conflict.
/// </summary>
internal sealed class ApplyMerger(FieldTracker tracker)
{
    /// <summary>The object that an apply creates.</summary>
    public JsonMap Create(ResourceType resource, JsonMap applied, WriteOptions options)
    {
        var obj = JsonTree.Clone(applied);
        Settle(resource, obj, new ManagedFields(), applied, null, options);
        return obj;
    }

    /// <summary>The present object with the configuration applied; Conflict unless forced.</summary>
    public JsonMap Merge(ResourceType resource, JsonMap old, JsonMap applied, string? subresource, WriteOptions options)
    {
        var managed = ManagedFields.Read(old.Map("metadata"));
        var set = FieldCollector.Collect(applied, resource.Schema);
        var others = managed.Entries.Where(e => !e.Is(options.FieldManager, ManagedEntry.Apply, subresource ?? "")).ToList();
        var merged = (JsonMap)JsonTree.Clone((object?)old)!;
        var wanted = JsonTree.Clone(applied);
        var version = wanted.Map("metadata")?.Text("resourceVersion");
        MergeObject(merged, wanted, resource.Schema);
        Prune(merged, resource.Schema, managed, others, set, subresource, options);
        var (changed, _) = FieldCollector.Compare(old, merged, resource.Schema);
        CheckConflicts(others, changed, options);
        foreach (var entry in others)
        {
            entry.Fields.SubtractExact(changed);
        }

        merged.MapOrNew("metadata").Remove("resourceVersion");
        if (!string.IsNullOrEmpty(version))
        {
            merged.MapOrNew("metadata")["resourceVersion"] = version;
        }

        Settle(resource, merged, managed, applied, subresource, options);
        return merged;
    }

    private void Settle(ResourceType resource, JsonMap obj, ManagedFields managed, JsonMap applied, string? subresource, WriteOptions options)
    {
        var set = FieldCollector.Collect(applied, resource.Schema);
        if (subresource is null && resource.HasSubresource("status"))
        {
            set.Remove("f:status");
        }

        var entry = managed.EntryOf(options.FieldManager, ManagedEntry.Apply, resource.ApiVersion, subresource ?? "", tracker.Time.GetUtcNow());
        entry.Fields = set;
        entry.Time = KubeTime.Format(tracker.Time.GetUtcNow());
        managed.Write(obj.MapOrNew("metadata"));
        obj.MapOrNew("metadata")[FieldTracker.Settled] = true;
    }

    /// <summary>Removes what this manager applied last time and does not apply now, unless another manager owns it.</summary>
    private static void Prune(JsonMap merged, SchemaType type, ManagedFields managed, List<ManagedEntry> others, FieldSet set, string? subresource, WriteOptions options)
    {
        var last = managed.Entries.Find(e => e.Is(options.FieldManager, ManagedEntry.Apply, subresource ?? ""));
        if (last is null)
        {
            return;
        }

        var gone = last.Fields.Clone();
        gone.SubtractExact(set);
        foreach (var other in others)
        {
            gone.SubtractExact(other.Fields);
        }

        FieldRemover.Remove(merged, type, gone, others.Select(static o => o.Fields).Append(set));
    }

    private static void CheckConflicts(List<ManagedEntry> others, FieldSet changed, WriteOptions options)
    {
        if (options.Force)
        {
            return;
        }

        var conflicts = others.SelectMany(e => e.Fields.Common(changed).Select(path => (Manager: e.ToString(), Path: path))).ToList();
        if (conflicts.Count == 0)
        {
            return;
        }

        var message = conflicts.Count == 1
            ? $"Apply failed with 1 conflict: conflict with {conflicts[0].Manager}: {conflicts[0].Path}"
            : $"Apply failed with {conflicts.Count} conflicts: " + string.Join("\n", conflicts.GroupBy(static c => c.Manager).OrderBy(static g => g.Key, StringComparer.Ordinal)
                .SelectMany(static g => g.Select(static c => $"- {c.Path}").Prepend($"conflicts with {g.Key}:")));
        throw StatusErrors.ApplyConflict(message, [.. conflicts.Select(static c => new KubeStatusCause("FieldManagerConflict", $"conflict with {c.Manager}", c.Path))]);
    }

    private static void MergeObject(JsonMap target, JsonMap applied, SchemaType type)
    {
        foreach (var (name, value) in applied)
        {
            var field = type.Find(name);
            switch (FieldShape.Of(field), target.GetValueOrDefault(name), value)
            {
                case (OwnershipKind.Object, JsonMap present, JsonMap map):
                    MergeObject(present, map, field!.Type.Target!);
                    break;
                case (OwnershipKind.Map, JsonMap present, JsonMap map):
                    foreach (var (key, item) in map)
                    {
                        present[key] = item;
                    }

                    break;
                case (OwnershipKind.Items, List<object?> present, List<object?> list):
                    MergeItems(present, list, field!);
                    break;
                case (OwnershipKind.Values, List<object?> present, List<object?> list):
                    present.AddRange(list.Where(v => !present.Any(p => JsonTree.Same(p, v))).ToList());
                    break;
                default:
                    target[name] = value;
                    break;
            }
        }
    }

    private static void MergeItems(List<object?> present, List<object?> applied, SchemaField field)
    {
        foreach (var item in applied.OfType<JsonMap>())
        {
            var step = FieldShape.ItemStep(item, field);
            if (present.OfType<JsonMap>().FirstOrDefault(p => FieldShape.ItemStep(p, field) == step) is { } same)
            {
                MergeObject(same, item, field.Type.Element!.Target!);
            }
            else
            {
                present.Add(item);
            }
        }
    }
}
