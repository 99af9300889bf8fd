using Gantry.Kube.Api.Json;
using Gantry.Kube.Api.Requests;
using Gantry.Kube.Api.Validation;
using Gantry.Kube.Model.Core.V1;
using Gantry.Kube.Model.Meta.V1;
using Gantry.Kube.Model.Selectors;

namespace Gantry.Kube.Api.Strategies;

/// <summary>What Deployments and ReplicaSets have in common: a selector, a template and a count.</summary>
internal static class WorkloadRules
{
    private static readonly string[] Operators = ["DoesNotExist", "Exists", "In", "NotIn"];

    public static void Validate(JsonMap obj, int? replicas, int? minReadySeconds, LabelSelector selector, PodTemplateSpec? template, FieldErrors errors)
    {
        ContainerRules.CheckNonNegative(replicas, "spec.replicas", errors);
        ContainerRules.CheckNonNegative(minReadySeconds, "spec.minReadySeconds", errors);
        ValidateSelector(obj.Map("spec")?.ContainsKey("selector") == true ? selector : null, errors);
        if (template is null)
        {
            errors.Required("spec.template");
            return;
        }

        var labels = template.Metadata?.Labels ?? [];
        if ((selector.MatchLabels?.Count ?? 0) + (selector.MatchExpressions?.Count ?? 0) > 0 && !LabelMatcher.From(selector).Matches(labels))
        {
            errors.Invalid("spec.template.metadata.labels", labels, "`selector` does not match template `labels`");
        }

        var metadata = obj.At("spec", "template", "metadata") as JsonMap;
        ObjectMetaRules.ValidateLabels(metadata?.Map("labels"), "spec.template.labels", errors);
        ObjectMetaRules.ValidateAnnotations(metadata?.Map("annotations"), "spec.template.annotations", errors);
        PodRules.Validate(template.Spec ?? new(), "spec.template.spec", errors);
        if (template.Spec?.RestartPolicy is { } policy and not "Always")
        {
            errors.NotSupported("spec.template.spec.restartPolicy", policy, ["Always"]);
        }

        if (template.Spec?.ActiveDeadlineSeconds is not null)
        {
            errors.Forbidden("spec.template.spec.activeDeadlineSeconds", "activeDeadlineSeconds in ReplicaSet is not Supported");
        }
    }

    public static void ValidateSelectorUnchanged(JsonMap obj, JsonMap old, FieldErrors errors)
    {
        var now = obj.Map("spec")?.Map("selector");
        if (!JsonTree.Same(now, old.Map("spec")?.Map("selector")))
        {
            errors.Invalid("spec.selector", GoSelector(now ?? []), "field is immutable");
        }
    }

    private static void ValidateSelector(LabelSelector? selector, FieldErrors errors)
    {
        if (selector is null)
        {
            errors.Required("spec.selector");
            return;
        }

        if (selector is { MatchLabels: not { Count: > 0 }, MatchExpressions: not { Count: > 0 } })
        {
            errors.Invalid("spec.selector", GoSelector([]), "empty selector is invalid for deployment");
        }

        foreach (var (key, value) in selector.MatchLabels ?? [])
        {
            PodRules.CheckName(key, "spec.selector.matchLabels", Names.QualifiedName, errors);
            PodRules.CheckName(value, "spec.selector.matchLabels", Names.LabelValue, errors);
        }

        for (var i = 0; i < selector.MatchExpressions?.Count; i++)
        {
            var expression = selector.MatchExpressions[i];
            var at = PodRules.Index("spec.selector.matchExpressions", i);
            PodRules.CheckName(expression.Key, at + ".key", Names.QualifiedName, errors);
            if (!Operators.Contains(expression.Operator))
            {
                errors.Invalid(at + ".operator", expression.Operator, "not a valid selector operator");
            }
            else if (expression.Operator is "In" or "NotIn" && expression.Values is not { Count: > 0 })
            {
                errors.Required(at + ".values", "must be specified when `operator` is 'In' or 'NotIn'");
            }
            else if (expression.Operator is "Exists" or "DoesNotExist" && expression.Values is { Count: > 0 })
            {
                errors.Forbidden(at + ".values", "may not be specified when `operator` is 'Exists' or 'DoesNotExist'");
            }
        }
    }

    /// <summary>The selector as Go prints the struct, which is what upstream's message shows.</summary>
    private static GoText GoSelector(JsonMap selector)
    {
        var labels = selector.Map("matchLabels") is { Count: > 0 } map
            ? "map[string]string{" + string.Join(", ", map.OrderBy(static p => p.Key, StringComparer.Ordinal).Select(static p => $"{JsonTree.Quote(p.Key)}:{JsonTree.Quote(p.Value as string ?? "")}")) + "}"
            : "map[string]string(nil)";
        var expressions = selector.Maps("matchExpressions").Select(static e =>
            $"v1.LabelSelectorRequirement{{Key:{JsonTree.Quote(e.Text("key") ?? "")}, Operator:{JsonTree.Quote(e.Text("operator") ?? "")}, Values:{GoStrings(e.List("values"))}}}").ToList();
        return new GoText($"v1.LabelSelector{{MatchLabels:{labels}, MatchExpressions:[]v1.LabelSelectorRequirement{(expressions.Count == 0 ? "(nil)" : "{" + string.Join(", ", expressions) + "}")}}}");
    }

    private static string GoStrings(List<object?>? values)
        => values is null ? "[]string(nil)" : "[]string{" + string.Join(", ", values.Select(static v => JsonTree.Quote(v as string ?? ""))) + "}";

    /// <summary>Text that a message shows without quotes.</summary>
    private sealed record GoText(string Text)
    {
        public override string ToString() => Text;
    }
}
