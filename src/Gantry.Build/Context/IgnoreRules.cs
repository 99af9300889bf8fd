using System.Text;
using System.Text.RegularExpressions;

namespace Gantry.Build.Context;

/// <summary>
/// The patterns of a .dockerignore file: the last one that matches a path or a directory above it decides; <c>!</c> takes it
/// back in; <c>**</c> matches any number of directories.
/// </summary>
internal sealed class IgnoreRules
{
    private readonly List<(Regex Pattern, bool Negated)> _rules = [];

    /// <summary>Whether some rule takes paths back in, so that ignored directories must be looked through.</summary>
    public bool HasExceptions { get; private set; }

    public bool IsEmpty => _rules.Count == 0;

    public static IgnoreRules Parse(string text)
    {
        var rules = new IgnoreRules();
        foreach (var line in text.TrimStart('\ufeff').Split('\n'))
        {
            if (line.StartsWith('#'))
            {
                continue;
            }
            var pattern = line.Trim();
            var negated = pattern.StartsWith('!');
            pattern = Clean(negated ? pattern[1..].Trim() : pattern);
            if (pattern.Length > 0)
            {
                rules._rules.Add((ToRegex(pattern), negated));
                rules.HasExceptions |= negated;
            }
        }
        return rules;
    }

    /// <summary>Whether a path of the context, without leading slash, is left out.</summary>
    public bool IsIgnored(string path)
    {
        var ignored = false;
        foreach (var (pattern, negated) in _rules)
        {
            if (negated == ignored && Matches(pattern, path))
            {
                ignored = !negated;
            }
        }
        return ignored;
    }

    private static bool Matches(Regex pattern, string path)
    {
        for (var end = path.IndexOf('/', StringComparison.Ordinal); end >= 0; end = path.IndexOf('/', end + 1))
        {
            if (pattern.IsMatch(path[..end]))
            {
                return true;
            }
        }
        return pattern.IsMatch(path);
    }

    private static string Clean(string pattern)
    {
        var parts = new List<string>();
        foreach (var part in pattern.Split('/'))
        {
            if (part == ".." && parts.Count > 0)
            {
                parts.RemoveAt(parts.Count - 1);
            }
            else if (part is not ("" or "." or ".."))
            {
                parts.Add(part);
            }
        }
        return string.Join('/', parts);
    }

    private static Regex ToRegex(string pattern)
    {
        var text = new StringBuilder("^");
        for (var i = 0; i < pattern.Length; i++)
        {
            switch (pattern[i])
            {
                case '*' when i + 1 < pattern.Length && pattern[i + 1] == '*':
                    i++;
                    if (i + 1 < pattern.Length && pattern[i + 1] == '/')
                    {
                        i++;
                        text.Append("(.*/)?");
                    }
                    else
                    {
                        text.Append(".*");
                    }
                    break;
                case '*':
                    text.Append("[^/]*");
                    break;
                case '?':
                    text.Append("[^/]");
                    break;
                case '[':
                    i = AppendSet(pattern, i, text);
                    break;
                case '\\' when i + 1 < pattern.Length:
                    text.Append(Regex.Escape(pattern[++i].ToString()));
                    break;
                default:
                    text.Append(Regex.Escape(pattern[i].ToString()));
                    break;
            }
        }
        // Not backtracking: the pattern is the user's.
        return new Regex(text.Append("\\z").ToString(), RegexOptions.NonBacktracking | RegexOptions.CultureInvariant | RegexOptions.Singleline);
    }

    private static int AppendSet(string pattern, int start, StringBuilder text)
    {
        var end = pattern.IndexOf(']', Math.Min(start + 2, pattern.Length));
        if (end < 0)
        {
            text.Append("\\[");
            return start;
        }
        var body = pattern[(start + 1)..end];
        var negated = body.StartsWith('^');
        text.Append(negated ? "[^" : "[");
        foreach (var c in negated ? body[1..] : body)
        {
            text.Append(c == '-' ? "-" : Regex.Escape(c.ToString()).Replace("]", "\\]", StringComparison.Ordinal));
        }
        text.Append(']');
        return end;
    }
}
