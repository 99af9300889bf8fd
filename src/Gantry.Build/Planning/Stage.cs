using Gantry.Build.Parsing;

namespace Gantry.Build.Planning;

/// <summary>One FROM and what follows it. <c>BaseStage</c> is set when the base is another stage.</summary>
internal sealed record Stage(int Index, string? Name, Instruction From, string BaseName, int? BaseStage, string? Platform)
{
    public List<Instruction> Instructions { get; } = [];

    /// <summary>The stages whose files this one uses.</summary>
    public HashSet<int> Dependencies { get; } = [];
}
