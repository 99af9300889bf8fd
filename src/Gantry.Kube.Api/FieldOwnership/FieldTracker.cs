using Gantry.Kube.Api.Json;
using Gantry.Kube.Api.Requests;
using Gantry.Kube.Api.Resources;

namespace Gantry.Kube.Api.FieldOwnership;

/// <summary>Keeps metadata.managedFields: which manager set which field.</summary>
internal sealed class FieldTracker(TimeProvider time)
{
    public TimeProvider Time { get; } = time;

    public void TrackCreate(ResourceType resource, JsonMap obj, WriteOptions options) => _ = (resource, obj, options);

    public void TrackUpdate(ResourceType resource, JsonMap obj, JsonMap old, string? subresource, WriteOptions options) => _ = (resource, obj, old, subresource, options);
}
