using Gantry.Kube.Api.Json;
using Gantry.Kube.Api.Resources;
using Gantry.Kube.Api.Validation;
using Gantry.Kube.Model.Apps.V1;

namespace Gantry.Kube.Api.Strategies;

/// <summary>ReplicaSets.</summary>
internal sealed class ReplicaSetResource : ResourceStrategy
{
    public override string[] SelectablePaths { get; } = ["status.replicas"];

    public override bool CountsGenerations => true;

    public override string SelectableDefault(string path) => "0";

    public override void ApplyDefaults(JsonMap obj) => PodTemplateDefaults.Apply(obj.Map("spec")?.Map("template")?.Map("spec"), isPod: false);

    public override void PrepareForCreate(JsonMap obj) => obj["status"] = new JsonMap { ["replicas"] = 0L };

    public override void Validate(JsonMap obj, FieldErrors errors)
    {
        var spec = TypedTree.Read<ReplicaSet>(obj).Spec ?? new();
        WorkloadRules.Validate(obj, spec.Replicas, spec.MinReadySeconds, spec.Selector, spec.Template, errors);
    }

    public override void ValidateUpdate(JsonMap obj, JsonMap old, FieldErrors errors)
        => WorkloadRules.ValidateSelectorUnchanged(obj, old, errors);
}
