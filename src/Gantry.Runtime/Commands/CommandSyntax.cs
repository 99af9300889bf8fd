using System.Text;

namespace Gantry.Runtime.Commands;

/// <summary>
/// What one command takes: its options, one a line as "name|n=VALUE  what it does" (a flag has no "="), and how many operands.
/// The same text parses and is the help.
/// </summary>
internal sealed record CommandSyntax(string Name, string Operands, string Summary, string Options = "")
{
    private const int TextColumn = 34;

    public int MinOperands { get; init; } = 1;

    public int MaxOperands { get; init; } = 1;

    /// <summary>After so many operands everything is an operand, also what begins with a dash.</summary>
    public int OperandLimit { get; init; } = int.MaxValue;

    public string Help(string program)
    {
        var text = new StringBuilder($"{program} {Name} - {Summary}\n\nusage: {program} {Name}");
        text.Append(Options.Length > 0 ? " [options]" : "").Append(Operands.Length > 0 ? " " + Operands : "").Append('\n');
        if (Options.Length > 0)
        {
            text.Append("\noptions:\n");
            AppendOptions(text, Options);
        }
        return text.ToString();
    }

    /// <summary>The options as aligned lines.</summary>
    public static void AppendOptions(StringBuilder text, string options)
    {
        foreach (var line in options.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            var (names, value, what) = Split(line);
            var spelled = string.Join(", ", names.Split('|').Select(static name => name.Length == 1 ? "-" + name : "--" + name));
            var left = value.Length == 0 ? $"  {spelled}" : $"  {spelled} {value}";
            text.Append(left.PadRight(TextColumn)).Append(left.Length >= TextColumn ? "  " : "").Append(what).Append('\n');
        }
    }

    private static (string Names, string Value, string What) Split(string line)
    {
        var space = line.IndexOf(' ');
        var spelling = line[..space];
        var equals = spelling.IndexOf('=');
        return equals < 0
            ? (spelling, "", line[space..].Trim())
            : (spelling[..equals], spelling[(equals + 1)..], line[space..].Trim());
    }
}
