using System.Text;
using Gantry.Kube.Model.Meta.V1;

namespace Gantry.Kube.Model.Selectors;

/// <summary>A label selector that is ready to match. Immutable.</summary>
public sealed class LabelMatcher
{
    /// <summary>Matches every set of labels.</summary>
    public static readonly LabelMatcher Everything = new([], false);

    /// <summary>Matches nothing.</summary>
    public static readonly LabelMatcher Nothing = new([], true);

    private readonly bool _nothing;

    private LabelMatcher(IReadOnlyList<LabelRequirement> requirements, bool nothing)
    {
        Requirements = requirements;
        _nothing = nothing;
    }

    /// <summary>The conditions, all of which must hold.</summary>
    public IReadOnlyList<LabelRequirement> Requirements { get; }

    /// <summary>Whether there is no condition.</summary>
    public bool IsEverything => Requirements.Count == 0 && !_nothing;

    /// <summary>The matcher of a selector of the API: null matches nothing, an empty one everything.</summary>
    public static LabelMatcher From(LabelSelector? selector)
    {
        if (selector is null)
        {
            return Nothing;
        }

        var list = new List<LabelRequirement>();
        foreach (var (key, value) in selector.MatchLabels ?? [])
        {
            list.Add(new LabelRequirement(key, "In", [value]));
        }

        foreach (var expression in selector.MatchExpressions ?? [])
        {
            list.Add(new LabelRequirement(expression.Key, expression.Operator, expression.Values ?? []));
        }

        return list.Count == 0 ? Everything : new LabelMatcher(list, false);
    }

    /// <summary>The matcher of exact labels, as a Service's selector: null or empty matches nothing.</summary>
    public static LabelMatcher FromLabels(IReadOnlyDictionary<string, string>? labels)
        => labels is not { Count: > 0 }
            ? Nothing
            : new LabelMatcher([.. labels.Select(static p => new LabelRequirement(p.Key, "In", [p.Value]))], false);

    /// <summary>
    /// Reads a selector as queries carry it: <c>app=web,tier!=db,zone in (a,b),!old,cpu>4</c>. Throws FormatException with
    /// upstream's words.
    /// </summary>
    public static LabelMatcher Parse(string? text)
    {
        if (string.IsNullOrWhiteSpace(text))
        {
            return Everything;
        }

        return new LabelMatcher(new LabelSelectorParser(text).Parse(), false);
    }

    /// <summary>Whether labels match.</summary>
    public bool Matches(IReadOnlyDictionary<string, string>? labels)
    {
        if (_nothing)
        {
            return false;
        }

        foreach (var requirement in Requirements)
        {
            if (!requirement.Matches(labels))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>The selector as queries carry it, as a Scale's status shows it.</summary>
    public override string ToString()
    {
        var text = new StringBuilder();
        foreach (var r in Requirements.OrderBy(static r => r.Key, StringComparer.Ordinal))
        {
            text.Append(text.Length > 0 ? "," : "");
            _ = r.Operator switch
            {
                "In" when r.Values.Count == 1 => text.Append(r.Key).Append('=').Append(r.Values[0]),
                "In" => text.Append(r.Key).Append(" in (").AppendJoin(',', r.Values).Append(')'),
                "NotIn" => text.Append(r.Key).Append(" notin (").AppendJoin(',', r.Values).Append(')'),
                "DoesNotExist" => text.Append('!').Append(r.Key),
                "Gt" => text.Append(r.Key).Append('>').Append(r.Values[0]),
                "Lt" => text.Append(r.Key).Append('<').Append(r.Values[0]),
                _ => text.Append(r.Key),
            };
        }

        return text.ToString();
    }
}
