using Gantry.Kube.Model.Meta.V1;

namespace Gantry.Kube.Client.Selectors;

/// <summary>Whether labels satisfy a selector object (metav1.LabelSelector) or a plain map of labels.</summary>
public static class LabelMatch
{
    /// <summary>
    /// metav1.LabelSelector's rules: all of matchLabels and matchExpressions. A null selector matches nothing, an empty one
    /// everything.
    /// </summary>
    public static bool Matches(LabelSelector? selector, IReadOnlyDictionary<string, string>? labels)
    {
        if (selector is null)
        {
            return false;
        }

        return Contains(labels, selector.MatchLabels) && (selector.MatchExpressions ?? []).TrueForAll(rule => Matches(rule, labels));
    }

    /// <summary>Whether every pair of <paramref name="wanted"/> is among the labels.</summary>
    public static bool Contains(IReadOnlyDictionary<string, string>? labels, IReadOnlyDictionary<string, string>? wanted) =>
        wanted is null || wanted.All(pair => labels is not null && labels.TryGetValue(pair.Key, out var value) && value == pair.Value);

    /// <summary>The selector in the query syntax of the API: <c>app=web,tier in (a,b),!legacy</c>.</summary>
    public static string ToQuery(LabelSelector selector)
    {
        var parts = (selector.MatchLabels ?? []).Select(pair => $"{pair.Key}={pair.Value}").Order(StringComparer.Ordinal).ToList();
        parts.AddRange((selector.MatchExpressions ?? []).Select(rule => rule.Operator switch
        {
            "Exists" => rule.Key,
            "DoesNotExist" => $"!{rule.Key}",
            "NotIn" => $"{rule.Key} notin ({string.Join(',', rule.Values ?? [])})",
            _ => $"{rule.Key} in ({string.Join(',', rule.Values ?? [])})",
        }));
        return string.Join(',', parts);
    }

    private static bool Matches(LabelSelectorRequirement rule, IReadOnlyDictionary<string, string>? labels)
    {
        string? value = null;
        var present = labels is not null && labels.TryGetValue(rule.Key, out value);
        return rule.Operator switch
        {
            "In" => present && (rule.Values ?? []).Contains(value!),
            "NotIn" => !present || !(rule.Values ?? []).Contains(value!),
            "Exists" => present,
            "DoesNotExist" => !present,
            _ => false,
        };
    }
}
