namespace Gantry.Images.Distribution;

/// <summary>A WWW-Authenticate header (RFC 9110, section 11.6.1): a scheme and its parameters.</summary>
internal sealed record AuthChallenge(string Scheme, IReadOnlyDictionary<string, string> Parameters)
{
    public static AuthChallenge Parse(string header)
    {
        var space = header.IndexOf(' ', StringComparison.Ordinal);
        var scheme = (space < 0 ? header : header[..space]).ToLowerInvariant();
        var parameters = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        var rest = space < 0 ? [] : header.AsSpan(space + 1);
        while (!(rest = rest.TrimStart(" ,")).IsEmpty)
        {
            var equals = rest.IndexOf('=');
            if (equals <= 0)
            {
                break;
            }
            var name = rest[..equals].Trim().ToString();
            rest = rest[(equals + 1)..].TrimStart();
            parameters[name] = rest is ['"', ..] ? TakeQuoted(ref rest) : TakeToken(ref rest);
        }
        return new AuthChallenge(scheme, parameters);
    }

    private static string TakeQuoted(ref ReadOnlySpan<char> rest)
    {
        var value = new System.Text.StringBuilder();
        var i = 1;
        for (; i < rest.Length && rest[i] != '"'; i++)
        {
            if (rest[i] == '\\' && i + 1 < rest.Length)
            {
                i++;
            }
            value.Append(rest[i]);
        }
        rest = i < rest.Length ? rest[(i + 1)..] : [];
        return value.ToString();
    }

    private static string TakeToken(ref ReadOnlySpan<char> rest)
    {
        var end = rest.IndexOfAny(',', ' ');
        var value = (end < 0 ? rest : rest[..end]).ToString();
        rest = end < 0 ? [] : rest[end..];
        return value;
    }
}
