using Gantry.Faults;

namespace Gantry.Runtime.Commands;

/// <summary>
/// A command's options and operands, in runc's notation: --name value, --name=value, -n value; options that are listed as
/// flags take no value. "--" ends the options; so does the first operand after <paramref name="operandLimit"/>.
/// </summary>
internal sealed class CommandArguments
{
    private readonly List<(string Name, string Value)> _options = [];

    /// <summary>Parses; <paramref name="known"/> lists names with their short forms, a flag's name ending in '!'.</summary>
    public CommandArguments(ReadOnlySpan<string> arguments, string known, int operandLimit = int.MaxValue)
    {
        var names = known.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        var index = 0;
        for (; index < arguments.Length; index++)
        {
            var argument = arguments[index];
            if (argument == "--")
            {
                index++;
                break;
            }
            if (argument.Length < 2 || argument[0] != '-' || Operands.Count >= operandLimit)
            {
                if (Operands.Count >= operandLimit)
                {
                    break;
                }
                Operands.Add(argument);
                continue;
            }
            var equals = argument.IndexOf('=');
            var given = (equals < 0 ? argument : argument[..equals]).TrimStart('-');
            var (name, isFlag) = Resolve(names, given);
            if (isFlag)
            {
                _options.Add((name, equals < 0 ? "true" : argument[(equals + 1)..]));
            }
            else if (equals >= 0)
            {
                _options.Add((name, argument[(equals + 1)..]));
            }
            else if (++index < arguments.Length)
            {
                _options.Add((name, arguments[index]));
            }
            else
            {
                throw new FaultException(FaultKind.InvalidArgument, $"option --{name}: needs a value");
            }
        }
        Operands.AddRange(arguments[index..]);
    }

    /// <summary>What is not an option.</summary>
    public List<string> Operands { get; } = [];

    public bool Has(string name) => _options.Any(item => item.Name == name && item.Value != "false");

    public string? Value(string name) => _options.LastOrDefault(item => item.Name == name).Value;

    public IEnumerable<string> Values(string name) => _options.Where(item => item.Name == name).Select(item => item.Value);

    public int Number(string name, int otherwise)
    {
        if (Value(name) is not { } text)
        {
            return otherwise;
        }
        return int.TryParse(text, out var number)
            ? number
            : throw new FaultException(FaultKind.InvalidArgument, $"option --{name}: \"{text}\" is not a number");
    }

    public string Required(string name) =>
        Value(name) ?? throw new FaultException(FaultKind.InvalidArgument, $"option --{name}: required");

    /// <summary>The container's id: the first operand.</summary>
    public string Id() =>
        Operands.Count > 0
            ? Operands[0]
            : throw new FaultException(FaultKind.InvalidArgument, "a container id is required");

    private static (string Name, bool IsFlag) Resolve(string[] known, string given)
    {
        foreach (var entry in known)
        {
            // "bundle|b", "detach|d!"
            var isFlag = entry.EndsWith('!');
            var names = (isFlag ? entry[..^1] : entry).Split('|');
            if (names.Contains(given))
            {
                return (names[0], isFlag);
            }
        }
        throw new FaultException(FaultKind.InvalidArgument, $"there is no option --{given}");
    }
}
