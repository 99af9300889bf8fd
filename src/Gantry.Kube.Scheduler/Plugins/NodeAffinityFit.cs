using System.Globalization;
using Gantry.Kube.Model.Core.V1;
using Gantry.Kube.Scheduler.Framework;

namespace Gantry.Kube.Scheduler.Plugins;

/// <summary>nodeSelector and node affinity: the required terms filter, the preferred ones score.</summary>
internal sealed class NodeAffinityFit : IFilterPlugin, IScorePlugin
{
    private const string Reason = "node(s) didn't match Pod's node affinity/selector";

    public int Weight => 2;

    public IReadOnlyList<string>? Filter(Pod pod, NodeState node)
    {
        var labels = node.Node.Metadata.Labels ?? [];
        if (pod.Spec!.NodeSelector?.All(pair => labels.GetValueOrDefault(pair.Key) == pair.Value) == false)
        {
            return [Reason];
        }

        var required = pod.Spec.Affinity?.NodeAffinity?.RequiredDuringSchedulingIgnoredDuringExecution;
        return required is null || required.NodeSelectorTerms.Exists(term => Matches(term, node.Node)) ? null : [Reason];
    }

    public double Score(Pod pod, NodeState node)
    {
        var preferred = pod.Spec!.Affinity?.NodeAffinity?.PreferredDuringSchedulingIgnoredDuringExecution ?? [];
        var total = preferred.Sum(term => term.Weight);
        return total == 0 ? 0 : preferred.Where(term => Matches(term.Preference, node.Node)).Sum(term => term.Weight) * 100.0 / total;
    }

    private static bool Matches(NodeSelectorTerm term, Node node)
    {
        if (term.MatchExpressions is not { Count: > 0 } && term.MatchFields is not { Count: > 0 })
        {
            // A term without requirements matches no node (core/v1 NodeSelectorTerm).
            return false;
        }

        return (term.MatchExpressions ?? []).TrueForAll(rule => Matches(rule, node.Metadata.Labels?.GetValueOrDefault(rule.Key)))
            && (term.MatchFields ?? []).TrueForAll(rule => Matches(rule, rule.Key == "metadata.name" ? node.Metadata.Name : null));
    }

    private static bool Matches(NodeSelectorRequirement rule, string? value) => rule.Operator switch
    {
        "In" => value is not null && rule.Values?.Contains(value) == true,
        "NotIn" => value is null || rule.Values?.Contains(value) != true,
        "Exists" => value is not null,
        "DoesNotExist" => value is null,
        "Gt" => Compare(value, rule) is > 0,
        "Lt" => Compare(value, rule) is < 0,
        _ => false,
    };

    private static int? Compare(string? value, NodeSelectorRequirement rule) =>
        long.TryParse(value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var left)
        && long.TryParse(rule.Values?.FirstOrDefault(), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var right)
            ? left.CompareTo(right)
            : null;
}
