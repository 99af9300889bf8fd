using Gantry.Kube.Api.Json;
using Gantry.Kube.Api.Resources;
using Gantry.Kube.Api.Validation;

namespace Gantry.Kube.Api.Strategies;

/// <summary>Events, in the core group's form.</summary>
internal sealed class EventResource : ResourceStrategy
{
    public override string[] SelectablePaths { get; } =
    [
        "involvedObject.kind", "involvedObject.namespace", "involvedObject.name", "involvedObject.uid", "involvedObject.apiVersion",
        "involvedObject.resourceVersion", "involvedObject.fieldPath", "reason", "reportingComponent", "source.component", "type",
    ];

    public override string StoredFieldPath(string path)
        => path.StartsWith("regarding.", StringComparison.Ordinal) ? "involvedObject" + path["regarding".Length..]
            : path == "reportingController" ? "reportingComponent"
            : path == "source" ? "source.component" : path;

    public override void Validate(JsonMap obj, FieldErrors errors)
    {
        var ns = obj.At("metadata", "namespace") as string ?? "";
        var involved = obj.Map("involvedObject")?.Text("namespace") ?? "";
        if (involved.Length == 0 ? ns is not ("default" or "kube-system") : ns != involved)
        {
            errors.Invalid("involvedObject.namespace", involved, "does not match event.namespace");
        }
    }
}
