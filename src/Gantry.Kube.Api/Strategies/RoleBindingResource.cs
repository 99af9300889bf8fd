using Gantry.Kube.Api.Json;
using Gantry.Kube.Api.Resources;
using Gantry.Kube.Api.Validation;

namespace Gantry.Kube.Api.Strategies;

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
