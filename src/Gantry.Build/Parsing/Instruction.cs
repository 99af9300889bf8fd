namespace Gantry.Build.Parsing;

/// <summary>One instruction of a Dockerfile, not yet expanded.</summary>
internal sealed record Instruction
{
    /// <summary>The keyword in upper case.</summary>
    public required string Keyword { get; init; }

    /// <summary>The line on which it starts, from 1.</summary>
    public required int Line { get; init; }

    /// <summary>What follows the keyword and the flags.</summary>
    public required string Rest { get; init; }

    /// <summary>The whole instruction as one line, for people.</summary>
    public required string Text { get; init; }

    /// <summary><c>--name=value</c> flags in their order; a flag without value has an empty one.</summary>
    public IReadOnlyList<KeyValuePair<string, string>> Flags { get; init; } = [];

    /// <summary>The arguments when they were given as a JSON array of strings, else null.</summary>
    public IReadOnlyList<string>? Json { get; init; }

    /// <summary>Here-documents, in the order in which the instruction names them.</summary>
    public IReadOnlyList<Heredoc> Heredocs { get; init; } = [];

    /// <summary>The last value of a flag, or null.</summary>
    public string? Flag(string name)
    {
        for (var i = Flags.Count - 1; i >= 0; i--)
        {
            if (Flags[i].Key == name)
            {
                return Flags[i].Value;
            }
        }
        return null;
    }
}

/// <summary>A here-document: its word, whether variables in it are expanded, and its text.</summary>
internal sealed record Heredoc(string Name, bool Expand, bool StripTabs, string Content)
{
    /// <summary>The word as it stands in the instruction, <c>&lt;&lt;EOF</c>.</summary>
    public string Word { get; init; } = "";
}

/// <summary>A parsed Dockerfile.</summary>
internal sealed record Dockerfile(char Escape, IReadOnlyList<Instruction> Instructions);
