using Gantry.Kube.Api.Json;
using Gantry.Kube.Model.Rbac.V1;

namespace Gantry.Kube.Api.Authorization;

/// <summary>A policy rule that is ready to match.</summary>
internal sealed record AccessRule(IReadOnlyList<string> Verbs, IReadOnlyList<string> Groups, IReadOnlyList<string> Resources, IReadOnlyList<string> Names, IReadOnlyList<string> Paths)
{
    public static AccessRule Of(PolicyRule rule) => new(rule.Verbs, rule.ApiGroups ?? [], rule.Resources ?? [], rule.ResourceNames ?? [], rule.NonResourceURLs ?? []);

    public bool Allows(AccessAttributes wanted)
    {
        if (!Has(Verbs, wanted.Verb))
        {
            return false;
        }

        return wanted.Path is { } path
            ? Paths.Any(p => PathMatches(p, path))
            : Has(Groups, wanted.Group) && ResourceMatches(wanted) && (Names.Count == 0 || Names.Contains(wanted.Name));
    }

    /// <summary>Whether this rule allows everything that another one, already split to single values, allows.</summary>
    public bool Covers(AccessRule single)
        => Has(Verbs, single.Verbs[0])
            && (single.Paths.Count > 0
                ? Paths.Any(p => p == single.Paths[0] || PathMatches(p, single.Paths[0]))
                : single.Resources.Count > 0 && Has(Groups, single.Groups[0])
                    && ResourceCovers(single.Resources[0])
                    && (Names.Count == 0 || (single.Names.Count > 0 && Names.Contains(single.Names[0]))));

    /// <summary>The rule as many rules of one verb, group, resource and name each.</summary>
    public IEnumerable<AccessRule> Split()
    {
        foreach (var verb in Verbs)
        {
            foreach (var path in Paths)
            {
                yield return new AccessRule([verb], [], [], [], [path]);
            }

            foreach (var group in Groups)
            {
                foreach (var resource in Resources)
                {
                    if (Names.Count == 0)
                    {
                        yield return new AccessRule([verb], [group], [resource], [], []);
                    }

                    foreach (var name in Names)
                    {
                        yield return new AccessRule([verb], [group], [resource], [name], []);
                    }
                }
            }
        }
    }

    /// <summary>As upstream prints a rule in a refusal.</summary>
    public override string ToString()
    {
        var parts = new List<string>();
        foreach (var (label, values) in ((string, IReadOnlyList<string>)[])[("APIGroups", Groups), ("Resources", Resources), ("ResourceNames", Names), ("NonResourceURLs", Paths), ("Verbs", Verbs)])
        {
            if (values.Count > 0)
            {
                parts.Add($"{label}:[{string.Join(" ", values.Select(JsonTree.Quote))}]");
            }
        }

        return "{" + string.Join(", ", parts) + "}";
    }

    private static bool Has(IReadOnlyList<string> list, string value) => list.Contains("*") || list.Contains(value);

    private bool ResourceMatches(AccessAttributes wanted)
    {
        foreach (var resource in Resources)
        {
            if (resource == "*" || resource == wanted.FullResource || (wanted.Subresource.Length > 0 && resource == "*/" + wanted.Subresource))
            {
                return true;
            }
        }

        return false;
    }

    private bool ResourceCovers(string resource)
        => Resources.Contains("*") || Resources.Contains(resource) || (resource.Contains('/') && Resources.Contains("*" + resource[resource.IndexOf('/')..]));

    private static bool PathMatches(string pattern, string path)
        => pattern == "*" || pattern == path || (pattern.EndsWith('*') && path.StartsWith(pattern[..^1], StringComparison.Ordinal));
}
