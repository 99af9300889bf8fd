using Gantry.Kube.Api.Requests;
using Gantry.Kube.Api.Resources;

namespace Gantry.Kube.Api.Selectors;

/// <summary>A field selector: conditions <c>path=value</c> and <c>path!=value</c> on the paths that a resource offers.</summary>
internal sealed class FieldMatcher
{
    public static readonly FieldMatcher Everything = new([]);

    private readonly List<(string Path, bool Equal, string Value)> _conditions;

    private FieldMatcher(List<(string Path, bool Equal, string Value)> conditions) => _conditions = conditions;

    public bool IsEverything => _conditions.Count == 0;

    /// <summary>The name that every match has, or null when the selector does not fix one.</summary>
    public string? SingleName => Fixed("metadata.name");

    /// <summary>The value that a path must have, or null.</summary>
    public string? Fixed(string path)
    {
        foreach (var (p, equal, value) in _conditions)
        {
            if (equal && p == path)
            {
                return value;
            }
        }

        return null;
    }

    public static FieldMatcher Parse(string? text, ResourceType resource)
    {
        if (string.IsNullOrEmpty(text))
        {
            return Everything;
        }

        var conditions = new List<(string, bool, string)>();
        foreach (var term in Split(text))
        {
            var at = term.IndexOf('=');
            if (at <= 0)
            {
                throw StatusErrors.BadRequest($"invalid selector: '{text}'; can't understand '{term}'");
            }

            var equal = term[at - 1] != '!';
            var path = equal ? term[..at] : term[..(at - 1)];
            var value = term[(at + 1)..];
            value = value.StartsWith('=') && equal ? value[1..] : value;
            path = resource.Strategy.StoredFieldPath(path);
            if (path is not ("metadata.name" or "metadata.namespace") && !resource.Strategy.SelectablePaths.Contains(path))
            {
                throw StatusErrors.BadRequest($"Unable to find \"{resource.ApiVersion}, Resource={resource.Plural}\" that match label selector \"\", field selector \"{text}\": field label not supported: {path}");
            }

            conditions.Add((path, equal, Unescape(value)));
        }

        return new FieldMatcher(conditions);
    }

    public bool Matches(CachedObject obj)
    {
        foreach (var (path, equal, value) in _conditions)
        {
            if ((obj.Field(path) == value) != equal)
            {
                return false;
            }
        }

        return true;
    }

    private static List<string> Split(string text)
    {
        var terms = new List<string>();
        var start = 0;
        for (var i = 0; i <= text.Length; i++)
        {
            if (i < text.Length && text[i] == '\\')
            {
                i++;
            }
            else if (i == text.Length || text[i] == ',')
            {
                if (i > start)
                {
                    terms.Add(text[start..i]);
                }

                start = i + 1;
            }
        }

        return terms;
    }

    private static string Unescape(string value)
        => value.Contains('\\') ? value.Replace("\\,", ",", StringComparison.Ordinal).Replace("\\=", "=", StringComparison.Ordinal).Replace("\\\\", "\\", StringComparison.Ordinal) : value;
}
