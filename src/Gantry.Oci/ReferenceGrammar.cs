namespace Gantry.Oci;

/// <summary>The productions of the distribution project's reference grammar, for whoever checks one part of a reference.</summary>
public static class ReferenceGrammar
{
    /// <summary>A tag: a word character, then at most 127 word characters, periods or dashes.</summary>
    public static bool IsTag(ReadOnlySpan<char> tag)
    {
        if (tag.IsEmpty || tag.Length > 128 || tag[0] is '.' or '-')
        {
            return false;
        }
        foreach (var c in tag)
        {
            if (!char.IsAsciiLetterOrDigit(c) && c is not ('_' or '.' or '-'))
            {
                return false;
            }
        }
        return true;
    }

    /// <summary>A repository path: components of lower-case letters and digits, parted by slashes.</summary>
    public static bool IsPath(ReadOnlySpan<char> path)
    {
        foreach (var range in path.Split('/'))
        {
            if (!IsPathComponent(path[range]))
            {
                return false;
            }
        }
        return true;
    }

    /// <summary>A registry: a host name or bracketed IPv6 address with an optional port.</summary>
    public static bool IsDomain(ReadOnlySpan<char> domain)
    {
        if (domain.IsEmpty)
        {
            return false;
        }
        var colon = domain.LastIndexOf(':');
        if (colon >= 0 && domain[(colon + 1)..].IndexOf(']') < 0)
        {
            var port = domain[(colon + 1)..];
            if (port.IsEmpty || port.IndexOfAnyExceptInRange('0', '9') >= 0)
            {
                return false;
            }
            domain = domain[..colon];
        }
        if (domain.Length > 2 && domain[0] == '[' && domain[^1] == ']')
        {
            return domain[1..^1].IndexOfAnyExcept("0123456789abcdefABCDEF:") < 0;
        }
        foreach (var range in domain.Split('.'))
        {
            if (!IsDomainComponent(domain[range]))
            {
                return false;
            }
        }
        return true;
    }

    private static bool IsDomainComponent(ReadOnlySpan<char> part)
    {
        if (part.IsEmpty || part[0] == '-' || part[^1] == '-')
        {
            return false;
        }
        foreach (var c in part)
        {
            if (!char.IsAsciiLetterOrDigit(c) && c != '-')
            {
                return false;
            }
        }
        return true;
    }

    // [a-z0-9]+ ( ( "." | "_" | "__" | "-"+ ) [a-z0-9]+ )*
    private static bool IsPathComponent(ReadOnlySpan<char> part)
    {
        var i = 0;
        while (true)
        {
            var start = i;
            while (i < part.Length && (char.IsAsciiLetterLower(part[i]) || char.IsAsciiDigit(part[i])))
            {
                i++;
            }
            if (i == start)
            {
                return false;
            }
            if (i == part.Length)
            {
                return true;
            }
            var separator = part[i];
            var run = 1;
            while (i + run < part.Length && part[i + run] == separator)
            {
                run++;
            }
            var allowed = separator switch { '-' => int.MaxValue, '_' => 2, '.' => 1, _ => 0 };
            if (run > allowed)
            {
                return false;
            }
            i += run;
        }
    }
}
