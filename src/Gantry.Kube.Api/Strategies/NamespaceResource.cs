using Gantry.Kube.Api.Json;
using Gantry.Kube.Api.Resources;
using Gantry.Kube.Api.Validation;

namespace Gantry.Kube.Api.Strategies;

/// <summary>Namespaces: held by spec.finalizers until the namespace controller has emptied them.</summary>
internal sealed class NamespaceResource : ResourceStrategy
{
    /// <summary>The label that upstream keeps equal to the name.</summary>
    private const string NameLabel = "kubernetes.io/metadata.name";

    public override string[] SelectablePaths { get; } = ["status.phase", "name"];

    public override IEnumerable<string> CheckName(string name) => Names.DnsLabel(name);

    public override void PrepareForCreate(JsonMap obj)
    {
        obj["status"] = new JsonMap { ["phase"] = "Active" };
        var finalizers = obj.MapOrNew("spec").List("finalizers") ?? [];
        if (!finalizers.Contains("kubernetes"))
        {
            finalizers.Add("kubernetes");
        }

        obj.MapOrNew("spec")["finalizers"] = finalizers;
        obj.MapOrNew("metadata").MapOrNew("labels")[NameLabel] = obj.MapOrNew("metadata").Text("name");
    }

    public override void PrepareForUpdate(JsonMap obj, JsonMap old)
    {
        // Only the finalize subresource changes them.
        obj["spec"] = JsonTree.Clone(old.MapOrNew("spec"));
        obj.MapOrNew("metadata").MapOrNew("labels")[NameLabel] = obj.MapOrNew("metadata").Text("name");
    }

    public override bool HasOwnFinalizers(JsonMap obj) => obj.Map("spec")?.List("finalizers") is { Count: > 0 };

    public override void MarkDeleting(JsonMap obj) => obj.MapOrNew("status")["phase"] = "Terminating";
}
