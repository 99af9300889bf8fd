using System.Globalization;
using System.Text.RegularExpressions;

namespace Gantry.Kube.Api.Validation;

/// <summary>The syntaxes of names, labels and ports, with upstream's messages (apimachinery's util/validation).</summary>
internal static partial class Names
{
    private const string Label1123Message = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character";
    private const string Subdomain1123Message = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character";
    private const string Label1035Message = "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character";
    private const string QualifiedNameMessage = "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";
    private const string LabelValueMessage = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";
    private const string ConfigKeyMessage = "a valid config key must consist of alphanumeric characters, '-', '_' or '.'";
    private const string EnvNameMessage = "a valid environment variable name must consist only of printable ASCII characters other than '='";

    public static IEnumerable<string> DnsLabel(string value)
    {
        if (value.Length > 63)
        {
            yield return TooLong(63);
        }

        if (!Label1123().IsMatch(value))
        {
            yield return Pattern(Label1123Message, "[a-z0-9]([-a-z0-9]*[a-z0-9])?", "my-name", "123-abc");
        }
    }

    public static IEnumerable<string> DnsSubdomain(string value)
    {
        if (value.Length > 253)
        {
            yield return TooLong(253);
        }

        if (!Subdomain1123().IsMatch(value))
        {
            yield return Pattern(Subdomain1123Message, "[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*", "example.com");
        }
    }

    public static IEnumerable<string> Dns1035Label(string value)
    {
        if (value.Length > 63)
        {
            yield return TooLong(63);
        }

        if (!Label1035().IsMatch(value))
        {
            yield return Pattern(Label1035Message, "[a-z]([-a-z0-9]*[a-z0-9])?", "my-name", "abc-123");
        }
    }

    /// <summary>The names of RBAC objects: path segments.</summary>
    public static IEnumerable<string> PathSegment(string value)
    {
        if (value is "." or "..")
        {
            yield return $"may not be '{value}'";
        }

        foreach (var c in "/%")
        {
            if (value.Contains(c))
            {
                yield return $"may not contain '{c}'";
            }
        }
    }

    /// <summary>Keys of labels and annotations, names of extended resources, finalizers.</summary>
    public static IEnumerable<string> QualifiedName(string value)
    {
        var slash = value.IndexOf('/');
        var name = value;
        if (slash >= 0)
        {
            var prefix = value[..slash];
            name = value[(slash + 1)..];
            if (prefix.Length == 0)
            {
                yield return "prefix part must be non-empty";
            }
            else
            {
                foreach (var message in DnsSubdomain(prefix))
                {
                    yield return "prefix part " + message;
                }
            }
        }

        if (name.Length == 0)
        {
            yield return "name part must be non-empty";
        }
        else if (name.Length > 63)
        {
            yield return "name part " + TooLong(63);
        }

        if (!Qualified().IsMatch(name))
        {
            yield return Pattern(QualifiedNameMessage, "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]", "MyName", "my.name", "123-abc");
        }
    }

    public static IEnumerable<string> LabelValue(string value)
    {
        if (value.Length > 63)
        {
            yield return TooLong(63);
        }

        if (value.Length > 0 && !Qualified().IsMatch(value))
        {
            yield return Pattern(LabelValueMessage, "(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?", "MyValue", "my_value", "12345");
        }
    }

    /// <summary>Keys of ConfigMaps and Secrets.</summary>
    public static IEnumerable<string> ConfigKey(string value)
    {
        if (value.Length > 253)
        {
            yield return TooLong(253);
        }

        if (!ConfigMapKey().IsMatch(value))
        {
            yield return Pattern(ConfigKeyMessage, "[-._a-zA-Z0-9]+", "key.name", "KEY_NAME", "key-name");
        }

        if (value is "." or "..")
        {
            yield return $"must not be '{value}'";
        }
        else if (value.StartsWith("..", StringComparison.Ordinal))
        {
            yield return "must not start with '..'";
        }
    }

    /// <summary>Names of environment variables, relaxed as since Kubernetes 1.30.</summary>
    public static IEnumerable<string> EnvName(string value)
    {
        if (value.Length == 0 || value.Any(static c => c is < ' ' or > '~' or '='))
        {
            yield return EnvNameMessage;
        }
    }

    public static IEnumerable<string> PortNumber(long value)
    {
        if (value is < 1 or > 65535)
        {
            yield return "must be between 1 and 65535, inclusive";
        }
    }

    /// <summary>Names of ports (IANA service names).</summary>
    public static IEnumerable<string> PortName(string value)
    {
        if (value.Length > 15)
        {
            yield return "must be no more than 15 characters";
        }

        if (!PortCharacters().IsMatch(value))
        {
            yield return "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)";
        }

        if (!value.Any(char.IsAsciiLetter))
        {
            yield return "must contain at least one letter (a-z)";
        }

        if (value.Contains("--", StringComparison.Ordinal))
        {
            yield return "must not contain consecutive hyphens";
        }

        if (value.StartsWith('-') || value.EndsWith('-'))
        {
            yield return "must not begin or end with a hyphen";
        }
    }

    public static string TooLong(int max) => string.Create(CultureInfo.InvariantCulture, $"must be no more than {max} bytes");

    /// <summary>With the two blanks before "or" that upstream's messages have.</summary>
    private static string Pattern(string message, string pattern, params string[] examples)
        => $"{message} (e.g. {string.Join(" or ", examples.Select(static e => $"'{e}', "))}regex used for validation is '{pattern}')";

    [GeneratedRegex("^[a-z0-9]([-a-z0-9]*[a-z0-9])?\\z")]
    private static partial Regex Label1123();

    [GeneratedRegex("^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\\z")]
    private static partial Regex Subdomain1123();

    [GeneratedRegex("^[a-z]([-a-z0-9]*[a-z0-9])?\\z")]
    private static partial Regex Label1035();

    [GeneratedRegex("^([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]\\z")]
    private static partial Regex Qualified();

    [GeneratedRegex("^[-._a-zA-Z0-9]+\\z")]
    private static partial Regex ConfigMapKey();

    [GeneratedRegex("^[-a-z0-9]+\\z")]
    private static partial Regex PortCharacters();
}
