namespace Gantry.Images.Catalog;

/// <summary>
/// Patterns as in Go's <c>path.Match</c>: <c>*</c> and <c>?</c> match anything but a slash, <c>[a-z]</c> and <c>[^a-z]</c> one of a set, a
/// backslash takes the next character as it is.
/// </summary>
public static class Glob
{
    /// <summary>Whether the whole text matches. A malformed pattern matches nothing.</summary>
    public static bool IsMatch(ReadOnlySpan<char> pattern, ReadOnlySpan<char> text)
    {
        while (!pattern.IsEmpty)
        {
            switch (pattern[0])
            {
                case '*':
                    pattern = pattern.TrimStart('*');
                    for (var i = 0; i <= text.Length; i++)
                    {
                        if (IsMatch(pattern, text[i..]))
                        {
                            return true;
                        }
                        if (i < text.Length && text[i] == '/')
                        {
                            return false;
                        }
                    }
                    return false;
                case '[':
                    if (text.IsEmpty || text[0] == '/' || !MatchSet(ref pattern, text[0]))
                    {
                        return false;
                    }
                    break;
                case '\\' when pattern.Length > 1:
                    if (text.IsEmpty || text[0] != pattern[1])
                    {
                        return false;
                    }
                    pattern = pattern[2..];
                    break;
                case '?':
                    if (text.IsEmpty || text[0] == '/')
                    {
                        return false;
                    }
                    pattern = pattern[1..];
                    break;
                default:
                    if (text.IsEmpty || text[0] != pattern[0])
                    {
                        return false;
                    }
                    pattern = pattern[1..];
                    break;
            }
            text = text[1..];
        }
        return text.IsEmpty;
    }

    /// <summary>Whether a text has characters that mean something in a pattern.</summary>
    public static bool HasWildcard(ReadOnlySpan<char> text) => text.ContainsAny('*', '?', '[');

    // Consumes "[...]" and says whether the character is in it.
    private static bool MatchSet(ref ReadOnlySpan<char> pattern, char c)
    {
        var i = 1;
        var negated = pattern.Length > 1 && pattern[1] == '^';
        if (negated)
        {
            i++;
        }
        var matched = false;
        for (var first = true; i < pattern.Length && (first || pattern[i] != ']'); first = false)
        {
            if (!TakeSetCharacter(pattern, ref i, out var low))
            {
                return false;
            }
            var high = low;
            if (i + 1 < pattern.Length && pattern[i] == '-' && pattern[i + 1] != ']')
            {
                i++;
                if (!TakeSetCharacter(pattern, ref i, out high))
                {
                    return false;
                }
            }
            matched |= c >= low && c <= high;
        }
        if (i >= pattern.Length)
        {
            return false;
        }
        pattern = pattern[(i + 1)..];
        return matched != negated;
    }

    private static bool TakeSetCharacter(ReadOnlySpan<char> pattern, ref int i, out char c)
    {
        if (i < pattern.Length && pattern[i] == '\\')
        {
            i++;
        }
        c = i < pattern.Length ? pattern[i++] : '\0';
        return c != '\0';
    }
}
