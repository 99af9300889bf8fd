using Gantry.Build.Parsing;
using Gantry.Faults;

namespace Gantry.Build.Planning;

/// <summary>What can be wrong with an instruction before anything runs.</summary>
internal static class InstructionChecks
{
    public static void Check(Instruction instruction, char escape)
    {
        var words = instruction.Json ?? ShellWords.Split(instruction.Rest, escape);
        var problem = instruction.Keyword switch
        {
            "FROM" when words.Count != 1 && !(words.Count == 3 && words[1].Equals("as", StringComparison.OrdinalIgnoreCase)) =>
                "FROM requires either one or three arguments",
            "MAINTAINER" or "WORKDIR" or "USER" or "STOPSIGNAL" when instruction.Rest.Length == 0 => $"{instruction.Keyword} requires exactly one argument",
            "STOPSIGNAL" when words.Count > 1 => "STOPSIGNAL requires exactly one argument",
            "RUN" when words.Count == 0 => "RUN requires at least one argument",
            "ARG" or "EXPOSE" or "VOLUME" or "LABEL" or "ENV" or "HEALTHCHECK" or "ONBUILD" when words.Count == 0 =>
                $"{instruction.Keyword} requires at least one argument",
            "COPY" or "ADD" when words.Count == 0 => $"{instruction.Keyword} requires at least two arguments, but none were provided",
            "COPY" or "ADD" when words.Count == 1 =>
                $"{instruction.Keyword} requires at least two arguments, but only one was provided. Destination could not be determined",
            "SHELL" when instruction.Json is null or [] => "SHELL requires the arguments to be in JSON form",
            "ONBUILD" => CheckTrigger(instruction),
            "VOLUME" when words.Any(string.IsNullOrWhiteSpace) => "VOLUME specified can not be an empty string",
            "HEALTHCHECK" => CheckHealth(words),
            _ => null,
        };
        if (problem is not null)
        {
            throw DockerfileFault.At(instruction.Line, problem);
        }
        if (instruction.Keyword is "ENV" or "LABEL")
        {
            _ = NameValues.Parse(instruction, escape);
        }
    }

    /// <summary>Adds the line to a fault that an instruction's arguments caused.</summary>
    public static FaultException AtLine(Instruction instruction, FaultException fault) =>
        fault.Message.StartsWith("dockerfile parse error", StringComparison.Ordinal) ? fault : DockerfileFault.At(instruction.Line, fault.Message);

    private static string? CheckTrigger(Instruction instruction) => instruction.Rest.Split(' ', 2)[0].ToUpperInvariant() switch
    {
        "ONBUILD" => "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed",
        "FROM" => "FROM isn't allowed as an ONBUILD trigger",
        "MAINTAINER" => "MAINTAINER isn't allowed as an ONBUILD trigger",
        _ => null,
    };

    private static string? CheckHealth(IReadOnlyList<string> words) => words[0].ToUpperInvariant() switch
    {
        "NONE" when words.Count > 1 => "HEALTHCHECK NONE takes no arguments",
        "CMD" when words.Count == 1 => "Missing command after HEALTHCHECK CMD",
        "NONE" or "CMD" => null,
        var type => $"Unknown type \"{type}\" in HEALTHCHECK (try CMD)",
    };
}
