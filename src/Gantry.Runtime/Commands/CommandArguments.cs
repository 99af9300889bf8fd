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
        : this(arguments, known, ' ', operandLimit)
    {
    }

    /// <summary>Parses what a command takes and checks the number of operands.</summary>
    public CommandArguments(ReadOnlySpan<string> arguments, CommandSyntax syntax)
        : this(arguments, syntax.Options, '\n', syntax.OperandLimit)
    {
        if (Has("help"))
        {
            return;
        }
        if (Operands.Count < syntax.MinOperands || Operands.Count > syntax.MaxOperands)
        {
            var (word, number) = syntax.MinOperands == syntax.MaxOperands ? ("exactly", syntax.MinOperands)
                : Operands.Count < syntax.MinOperands ? ("at least", syntax.MinOperands) : ("at most", syntax.MaxOperands);
            throw new FaultException(
                FaultKind.InvalidArgument,
                $"\"{syntax.Name}\" requires {word} {number} argument(s), not {Operands.Count}: {syntax.Name} {syntax.Operands}".TrimEnd());
        }
    }

    private CommandArguments(ReadOnlySpan<string> arguments, string known, char separator, int operandLimit)
    {
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
            var (name, isFlag) = Resolve(known, separator, given);
            if (isFlag)
            {
                var value = equals < 0 ? "true" : argument[(equals + 1)..].ToLowerInvariant();
                _options.Add((name, value switch
                {
                    "true" or "1" or "t" => "true",
                    "false" or "0" or "f" => "false",
                    _ => throw new FaultException(
                        FaultKind.InvalidArgument, $"option --{name}: \"{value}\" is neither true nor false"),
                }));
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
                // The beginning is what podman looks for when it asks whether an option exists.
                throw new FaultException(FaultKind.InvalidArgument, $"flag needs an argument: --{name}");
            }
        }
        Operands.AddRange(arguments[index..]);
    }

    /// <summary>What is not an option.</summary>
    public List<string> Operands { get; } = [];

    // Without LINQ: every command begins here, and what Where(...).Select(...) takes is looked up and built at run time.

    public bool Has(string name) => _options.Exists(item => item.Name == name && item.Value != "false");

    public string? Value(string name) => _options.FindLast(item => item.Name == name).Value;

    public List<string> Values(string name)
    {
        List<string> values = [];
        foreach (var item in _options)
        {
            if (item.Name == name)
            {
                values.Add(item.Value);
            }
        }
        return values;
    }

    /// <summary>True when the option was given, with whatever value.</summary>
    public bool IsGiven(string name) => _options.Exists(item => item.Name == name);

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

    /// <summary>
    /// Finds an option among entries as "bundle|b=DIR  the directory", "bundle|b" and, for a flag, "detach|d!"; where text follows, a
    /// flag is what has no "=".
    /// </summary>
    private static (string Name, bool IsFlag) Resolve(string known, char separator, string given)
    {
        foreach (var range in known.AsSpan().Split(separator))
        {
            var entry = known.AsSpan(range);
            var names = entry[..(entry.IndexOfAny(' ', '=', '!') is var end and >= 0 ? end : entry.Length)];
            if (names.Length == 0)
            {
                continue;
            }
            foreach (var part in names.Split('|'))
            {
                if (names[part].SequenceEqual(given))
                {
                    var name = names.IndexOf('|') is var bar and >= 0 ? names[..bar] : names;
                    return (name.ToString(), separator == ' ' ? entry[^1] == '!' : entry[names.Length] == ' ');
                }
            }
        }
        return given is "help" or "h"
            ? ("help", true)
            : throw new FaultException(FaultKind.InvalidArgument, $"flag provided but not defined: {(given.Length == 1 ? "-" : "--")}{given}");
    }
}
