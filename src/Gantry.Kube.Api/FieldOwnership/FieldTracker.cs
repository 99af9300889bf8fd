using Gantry.Kube.Api.Json;
using Gantry.Kube.Api.Requests;
using Gantry.Kube.Api.Resources;
using Gantry.Kube.Model;

namespace Gantry.Kube.Api.FieldOwnership;

/// <summary>
/// Keeps metadata.managedFields through creations and updates. An apply brings its own entries (see
/// <see cref="ApplyMerger"/>), which are left as they are.
/// </summary>
internal sealed class FieldTracker(TimeProvider time)
{
    /// <summary>Marks a tree whose ownership an apply has settled; never stored.</summary>
    public const string Settled = "$applied";

    public TimeProvider Time { get; } = time;

    public void TrackCreate(ResourceType resource, JsonMap obj, WriteOptions options)
    {
        var metadata = obj.MapOrNew("metadata");
        if (metadata.Remove(Settled) || options.FieldManager.Length == 0)
        {
            return;
        }

        var managed = new ManagedFields();
        var set = FieldCollector.Collect(obj, resource.Schema);
        if (resource.HasSubresource("status"))
        {
            set.Remove("f:status");
        }

        managed.EntryOf(options.FieldManager, ManagedEntry.Update, resource.ApiVersion, "", Time.GetUtcNow()).Fields = set;
        managed.Write(metadata);
    }

    public void TrackUpdate(ResourceType resource, JsonMap obj, JsonMap old, string? subresource, WriteOptions options)
    {
        var metadata = obj.MapOrNew("metadata");
        if (metadata.Remove(Settled))
        {
            KeepTimeOfUnchanged(metadata, old.MapOrNew("metadata"));
            return;
        }

        var oldMetadata = old.MapOrNew("metadata");
        if (!metadata.ContainsKey("managedFields") && oldMetadata.TryGetValue("managedFields", out var kept))
        {
            metadata["managedFields"] = JsonTree.Clone(kept);
        }

        var managed = ManagedFields.Read(metadata);
        if (managed.Entries.Count == 0 && options.FieldManager.Length == 0)
        {
            return;
        }

        var (changed, removed) = FieldCollector.Compare(old, obj, resource.Schema);
        if (changed.IsEmpty && removed.IsEmpty)
        {
            managed.Write(metadata);
            return;
        }

        var mine = options.FieldManager.Length > 0 ? managed.EntryOf(options.FieldManager, ManagedEntry.Update, resource.ApiVersion, subresource ?? "", Time.GetUtcNow()) : null;
        foreach (var entry in managed.Entries)
        {
            entry.Fields.Subtract(removed);
            if (entry != mine)
            {
                entry.Fields.SubtractExact(changed);
            }
        }

        if (mine is not null && !changed.IsEmpty)
        {
            mine.Fields.Add(changed);
            mine.Time = KubeTime.Format(Time.GetUtcNow());
        }

        managed.Write(metadata);
    }

    /// <summary>An apply that changes nothing writes nothing: its entry keeps its time.</summary>
    private static void KeepTimeOfUnchanged(JsonMap metadata, JsonMap old)
    {
        foreach (var entry in metadata.Maps("managedFields"))
        {
            var before = old.Maps("managedFields").FirstOrDefault(e =>
                e.Text("manager") == entry.Text("manager") && e.Text("operation") == entry.Text("operation") && e.Text("subresource") == entry.Text("subresource"));
            if (before is not null && JsonTree.Same(before.Map("fieldsV1"), entry.Map("fieldsV1")))
            {
                entry["time"] = before.GetValueOrDefault("time");
            }
        }
    }
}
