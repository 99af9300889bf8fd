using System.Net;
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

/// <summary>Endpoints, whose updates may create (as upstream).</summary>
internal sealed class EndpointsResource : ResourceStrategy
{
    public override bool AllowsCreateOnUpdate => true;

    public override void Validate(JsonMap obj, FieldErrors errors)
    {
        var subset = 0;
        foreach (var item in obj.Maps("subsets"))
        {
            var at = PodRules.Index("subsets", subset++);
            var index = 0;
            foreach (var address in item.Maps("addresses").Concat(item.Maps("notReadyAddresses")))
            {
                var ip = address.Text("ip") ?? "";
                if (!IPAddress.TryParse(ip, out _))
                {
                    errors.Invalid(PodRules.Index(at + ".addresses", index) + ".ip", ip, "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)");
                }

                index++;
            }

            index = 0;
            foreach (var port in item.Maps("ports"))
            {
                ContainerRules.CheckPort(port.Number("port") ?? 0, PodRules.Index(at + ".ports", index++) + ".port", errors);
            }
        }
    }
}

/// <summary>EndpointSlices.</summary>
internal sealed class EndpointSliceResource : ResourceStrategy
{
    /// <summary>Upstream's maxEndpoints and maxPorts.</summary>
    private const int MaxEndpoints = 1000;

    public override bool CountsGenerations => true;

    public override void Validate(JsonMap obj, FieldErrors errors)
    {
        if (string.IsNullOrEmpty(obj.Text("addressType")))
        {
            errors.Required("addressType");
        }

        if (obj.List("endpoints") is { Count: > MaxEndpoints })
        {
            errors.TooLong("endpoints", MaxEndpoints);
        }

        var index = 0;
        foreach (var endpoint in obj.Maps("endpoints"))
        {
            var at = PodRules.Index("endpoints", index++) + ".addresses";
            var addresses = endpoint.List("addresses") ?? [];
            if (addresses.Count == 0)
            {
                errors.Required(at, "must contain at least 1 address");
            }

            for (var i = 0; i < addresses.Count && obj.Text("addressType") is "IPv4" or "IPv6"; i++)
            {
                if (!IPAddress.TryParse(addresses[i] as string, out _))
                {
                    errors.Invalid(PodRules.Index(at, i), addresses[i], "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)");
                }
            }
        }
    }

    public override void ValidateUpdate(JsonMap obj, JsonMap old, FieldErrors errors)
    {
        if (obj.Text("addressType") != old.Text("addressType"))
        {
            errors.Invalid("addressType", obj.Text("addressType"), "field is immutable");
        }
    }
}

/// <summary>Leases, whose updates may create (as upstream).</summary>
internal sealed class LeaseResource : ResourceStrategy
{
    public override bool AllowsCreateOnUpdate => true;

    public override void Validate(JsonMap obj, FieldErrors errors)
    {
        if (obj.Map("spec")?.Number("leaseDurationSeconds") is <= 0 and var duration)
        {
            errors.Invalid("spec.leaseDurationSeconds", duration, "must be greater than 0");
        }
    }
}

/// <summary>Roles and cluster roles.</summary>
internal sealed class RoleResource : ResourceStrategy
{
    public override IEnumerable<string> CheckName(string name) => Names.PathSegment(name);

    public override void Validate(JsonMap obj, FieldErrors errors)
    {
        var index = 0;
        foreach (var rule in obj.Maps("rules"))
        {
            var at = PodRules.Index("rules", index++);
            if (rule.List("verbs") is not { Count: > 0 })
            {
                errors.Required(at + ".verbs", "verbs must contain at least one value");
            }

            if (rule.List("nonResourceURLs") is { Count: > 0 })
            {
                if (obj.At("metadata", "namespace") is string)
                {
                    errors.Invalid(at + ".nonResourceURLs", rule.List("nonResourceURLs"), "namespaced rules cannot apply to non-resource URLs");
                }

                continue;
            }

            if (rule.List("apiGroups") is not { Count: > 0 })
            {
                errors.Required(at + ".apiGroups", "resource rules must supply at least one api group");
            }

            if (rule.List("resources") is not { Count: > 0 })
            {
                errors.Required(at + ".resources", "resource rules must supply at least one resource");
            }
        }
    }
}

/// <summary>Role bindings and cluster role bindings: the role they refer to cannot change.</summary>
internal sealed class RoleBindingResource : ResourceStrategy
{
    public override IEnumerable<string> CheckName(string name) => Names.PathSegment(name);

    public override void ApplyDefaults(JsonMap obj)
    {
        obj.MapOrNew("roleRef").Default("apiGroup", "rbac.authorization.k8s.io");
        foreach (var subject in obj.Maps("subjects").Where(static s => s.Text("kind") is "User" or "Group"))
        {
            subject.Default("apiGroup", "rbac.authorization.k8s.io");
        }
    }

    public override void Validate(JsonMap obj, FieldErrors errors)
    {
        var role = obj.MapOrNew("roleRef");
        var namespaced = obj.At("metadata", "namespace") is string;
        string[] kinds = namespaced ? ["Role", "ClusterRole"] : ["ClusterRole"];
        if (!kinds.Contains(role.Text("kind") ?? ""))
        {
            errors.NotSupported("roleRef.kind", role.Text("kind") ?? "", kinds);
        }

        if (string.IsNullOrEmpty(role.Text("name")))
        {
            errors.Required("roleRef.name");
        }

        var index = 0;
        foreach (var subject in obj.Maps("subjects"))
        {
            var at = PodRules.Index("subjects", index++);
            if (string.IsNullOrEmpty(subject.Text("name")))
            {
                errors.Required(at + ".name");
            }

            if (subject.Text("kind") is not ("ServiceAccount" or "User" or "Group"))
            {
                errors.NotSupported(at + ".kind", subject.Text("kind") ?? "", ["ServiceAccount", "User", "Group"]);
            }

            if (subject.Text("kind") == "ServiceAccount" && string.IsNullOrEmpty(subject.Text("namespace")))
            {
                errors.Required(at + ".namespace");
            }
        }
    }

    public override void ValidateUpdate(JsonMap obj, JsonMap old, FieldErrors errors)
    {
        if (!JsonTree.Same(obj.Map("roleRef"), old.Map("roleRef")))
        {
            errors.Invalid("roleRef", obj.Map("roleRef"), "cannot change roleRef");
        }
    }
}

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
