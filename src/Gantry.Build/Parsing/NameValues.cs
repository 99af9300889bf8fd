namespace Gantry.Build.Parsing;

/// <summary>The arguments of ENV and LABEL.</summary>
internal static class NameValues
{
    /// <summary><c>name=value ...</c>, or the old form <c>name value with blanks</c>. Values are not yet expanded.</summary>
    public static IReadOnlyList<KeyValuePair<string, string>> Parse(Instruction instruction, char escape)
    {
        var words = ShellWords.Split(instruction.Rest, escape);
        if (words.Count == 0)
        {
            throw DockerfileFault.At(instruction.Line, $"{instruction.Keyword} requires at least one argument");
        }
        if (!words[0].Contains('=', StringComparison.Ordinal))
        {
            var value = instruction.Rest[words[0].Length..].Trim();
            return value.Length > 0
                ? [new(words[0], value)]
                : throw DockerfileFault.At(instruction.Line, $"{instruction.Keyword} must have two arguments");
        }
        var pairs = new List<KeyValuePair<string, string>>();
        foreach (var word in words)
        {
            var equals = word.IndexOf('=', StringComparison.Ordinal);
            if (equals < 0)
            {
                throw DockerfileFault.At(instruction.Line, $"Syntax error - can't find = in \"{word}\". Must be of the form: name=value");
            }
            if (equals == 0)
            {
                throw DockerfileFault.At(instruction.Line, $"{instruction.Keyword} names can not be blank");
            }
            pairs.Add(new(word[..equals], word[(equals + 1)..]));
        }
        return pairs;
    }
}
