namespace Gantry.Cli.Commands;

/// <summary>Splits a command's arguments into words and flags, and makes a query of them for gantryd.</summary>
internal sealed class CommandFlags
{
    private readonly Dictionary<string, string> _flags = new(StringComparer.Ordinal);
    private readonly List<string> _words = [];

    /// <summary>
    /// Reads arguments. <paramref name="known"/> has the flags' names: with "=" behind it one has a value, "n|namespace=" is a short form.
    /// </summary>
    public CommandFlags(IReadOnlyList<string> arguments, params string[] known)
    {
        for (var i = 0; i < arguments.Count; i++)
        {
            var argument = arguments[i];
            if (!argument.StartsWith('-') || argument == "-")
            {
                _words.Add(argument);
                continue;
            }

            var equals = argument.IndexOf('=', StringComparison.Ordinal);
            var given = (equals < 0 ? argument : argument[..equals]).TrimStart('-');
            var flag = Array.Find(known, candidate => candidate.TrimEnd('=').Split('|').Contains(given))
                ?? throw new UserErrorException($"unknown flag {argument}; see: gantry help");
            var name = flag.TrimEnd('=').Split('|')[^1];
            if (!flag.EndsWith('='))
            {
                _flags[name] = "1";
            }
            else if (equals >= 0)
            {
                _flags[name] = argument[(equals + 1)..];
            }
            else
            {
                _flags[name] = ++i < arguments.Count ? arguments[i] : throw new UserErrorException($"{argument} needs a value");
            }
        }
    }

    /// <summary>The arguments that are no flags.</summary>
    public IReadOnlyList<string> Words => _words;

    public string? this[string name]
    {
        get => _flags.GetValueOrDefault(name);
        set
        {
            if (value is null)
            {
                _flags.Remove(name);
            }
            else
            {
                _flags[name] = value;
            }
        }
    }

    /// <summary>The path with everything as its query.</summary>
    public string Query(string path) =>
        path + string.Concat(_flags.Select((pair, index) => $"{(index == 0 ? '?' : '&')}{pair.Key}={Uri.EscapeDataString(pair.Value)}"));
}
