using Gantry.Kube.Api.Json;
using Gantry.Kube.Api.Resources;
using Gantry.Kube.Api.Validation;

namespace Gantry.Kube.Api.Strategies;

/// <summary>Nodes.</summary>
internal sealed class NodeResource : ResourceStrategy
{
    public override string[] SelectablePaths { get; } = ["spec.unschedulable"];

    public override string SelectableDefault(string path) => "false";

    public override void Validate(JsonMap obj, FieldErrors errors)
    {
        var seen = new HashSet<(string?, string?)>();
        var index = 0;
        foreach (var taint in obj.Map("spec")?.Maps("taints") ?? [])
        {
            var at = PodRules.Index("spec.taints", index++);
            PodRules.CheckName(taint.Text("key"), at + ".key", Names.QualifiedName, errors);
            PodRules.CheckName(taint.Text("value"), at + ".value", Names.LabelValue, errors);
            if (string.IsNullOrEmpty(taint.Text("effect")))
            {
                errors.Required(at + ".effect");
            }

            if (!seen.Add((taint.Text("key"), taint.Text("effect"))))
            {
                errors.Duplicate(at, taint);
            }
        }
    }

    public override void ValidateUpdate(JsonMap obj, JsonMap old, FieldErrors errors)
    {
        foreach (var field in (string[])["podCIDR", "providerID"])
        {
            if (old.Map("spec")?.Text(field) is { Length: > 0 } before && obj.Map("spec")?.Text(field) != before)
            {
                errors.Forbidden("spec." + field, "node updates may not change " + field + " except from \"\" to valid");
            }
        }
    }
}
