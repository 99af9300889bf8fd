namespace Gantry.Kube.Model.Selectors;

/// <summary>One condition on a label. <c>Operator</c>: In, NotIn, Exists, DoesNotExist, Gt or Lt.</summary>
public sealed record LabelRequirement(string Key, string Operator, IReadOnlyList<string> Values)
{
    /// <summary>Whether labels fulfil the condition.</summary>
    public bool Matches(IReadOnlyDictionary<string, string>? labels)
    {
        string? value = null;
        var present = labels is not null && labels.TryGetValue(Key, out value);
        return Operator switch
        {
            "In" => present && Values.Contains(value!),
            "NotIn" => !present || !Values.Contains(value!),
            "Exists" => present,
            "DoesNotExist" => !present,
            "Gt" => present && long.TryParse(value, out var n) && long.TryParse(Values[0], out var limit) && n > limit,
            "Lt" => present && long.TryParse(value, out var n) && long.TryParse(Values[0], out var limit) && n < limit,
            _ => false,
        };
    }
}
