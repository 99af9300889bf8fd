using Gantry.Kube.Api.Json;
using Gantry.Kube.Api.Resources;
using Gantry.Kube.Api.Validation;

namespace Gantry.Kube.Api.Strategies;

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
