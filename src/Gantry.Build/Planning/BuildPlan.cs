using System.Globalization;
using Gantry.Build.Parsing;
using Gantry.Faults;

namespace Gantry.Build.Planning;

/// <summary>The stages that a target needs, in an order in which each comes after what it uses.</summary>
internal sealed class BuildPlan
{
    private readonly List<Stage> _stages = [];
    private readonly Dictionary<string, string?> _globalArgs = new(StringComparer.Ordinal);

    private BuildPlan(char escape) => Escape = escape;

    public char Escape { get; }

    /// <summary>The needed stages, the target last.</summary>
    public IReadOnlyList<Stage> Stages { get; private set; } = [];

    /// <summary>ARGs before the first FROM, with their values.</summary>
    public IReadOnlyDictionary<string, string?> GlobalArgs => _globalArgs;

    /// <summary>
    /// Plans a Dockerfile. <paramref name="predefined"/> are the platform arguments. <c>InvalidArgument</c> for an instruction that
    /// cannot be right or a target that is not there.
    /// </summary>
    public static BuildPlan Create(
        Dockerfile dockerfile, string target, IReadOnlyDictionary<string, string?> buildArgs, IReadOnlyDictionary<string, string> predefined)
    {
        var plan = new BuildPlan(dockerfile.Escape);
        foreach (var (name, value) in predefined)
        {
            plan._globalArgs[name] = value;
        }
        foreach (var instruction in dockerfile.Instructions)
        {
            InstructionChecks.Check(instruction, plan.Escape);
            plan.Add(instruction, buildArgs);
        }
        if (plan._stages.Count == 0)
        {
            throw new FaultException(FaultKind.InvalidArgument, "no build stage in current context: the Dockerfile has no FROM");
        }
        plan.Stages = plan.Needed(plan.FindTarget(target));
        return plan;
    }

    /// <summary>A stage before <paramref name="before"/> by name or number, or null.</summary>
    public Stage? FindStage(string nameOrIndex, int before) =>
        _stages.Take(before).LastOrDefault(stage => string.Equals(stage.Name, nameOrIndex, StringComparison.OrdinalIgnoreCase))
        ?? (int.TryParse(nameOrIndex, NumberStyles.None, CultureInfo.InvariantCulture, out var index) && index < before ? _stages[index] : null);

    private void Add(Instruction instruction, IReadOnlyDictionary<string, string?> buildArgs)
    {
        if (instruction.Keyword == "FROM")
        {
            AddStage(instruction);
            return;
        }
        if (_stages.Count > 0)
        {
            AddTo(_stages[^1], instruction);
            return;
        }
        if (instruction.Keyword != "ARG")
        {
            throw DockerfileFault.At(instruction.Line, "no build stage in current context");
        }
        foreach (var word in ShellWords.Split(instruction.Rest, Escape))
        {
            var equals = word.IndexOf('=', StringComparison.Ordinal);
            var name = equals < 0 ? word : word[..equals];
            var value = equals < 0 ? _globalArgs.GetValueOrDefault(name) : Expand(instruction, word[(equals + 1)..]);
            _globalArgs[name] = buildArgs.TryGetValue(name, out var given) && given is not null ? given : value;
        }
    }

    private void AddStage(Instruction instruction)
    {
        var words = ShellWords.Split(instruction.Rest, Escape);
        var name = words.Count == 3 ? words[2].ToLowerInvariant() : null;
        if (name is not null && (name == "scratch" || !name.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.') || !char.IsAsciiLetter(name[0])))
        {
            throw DockerfileFault.At(instruction.Line,
                $"invalid name for build stage: \"{name}\", name can't start with a number or contain symbols");
        }
        var baseName = Expand(instruction, words[0]);
        if (baseName.Length == 0)
        {
            throw DockerfileFault.At(instruction.Line, $"base name ({words[0]}) should not be blank");
        }
        var baseStage = FindStage(baseName, _stages.Count) is { } found && string.Equals(found.Name, baseName, StringComparison.OrdinalIgnoreCase)
            ? found.Index
            : (int?)null;
        var platform = instruction.Flag("platform") is { } flag ? Expand(instruction, flag) : null;
        var stage = new Stage(_stages.Count, name, instruction, baseName, baseStage, string.IsNullOrEmpty(platform) ? null : platform);
        if (baseStage is { } index)
        {
            stage.Dependencies.Add(index);
        }
        _stages.Add(stage);
    }

    private void AddTo(Stage stage, Instruction instruction)
    {
        stage.Instructions.Add(instruction);
        var sources = instruction.Keyword switch
        {
            "COPY" => [instruction.Flag("from")],
            "RUN" => instruction.Flags.Where(flag => flag.Key == "mount").Select(flag => FromOfMount(flag.Value)),
            _ => Enumerable.Empty<string?>(),
        };
        foreach (var source in sources.OfType<string>())
        {
            if (FindStage(source, stage.Index) is { } dependency)
            {
                stage.Dependencies.Add(dependency.Index);
            }
            else if (source.All(char.IsAsciiDigit) || string.Equals(source, stage.Name, StringComparison.OrdinalIgnoreCase))
            {
                throw DockerfileFault.At(instruction.Line, $"invalid from flag value {source}: no earlier stage of that name or number");
            }
        }
    }

    private static string? FromOfMount(string mount) =>
        mount.Split(',').Where(part => part.StartsWith("from=", StringComparison.Ordinal)).Select(part => part[5..]).FirstOrDefault();

    private string Expand(Instruction instruction, string word)
    {
        try
        {
            return new WordExpander(Escape, name => _globalArgs.GetValueOrDefault(name)).Expand(word);
        }
        catch (FaultException fault)
        {
            throw InstructionChecks.AtLine(instruction, fault);
        }
    }

    private Stage FindTarget(string target) => target.Length == 0
        ? _stages[^1]
        : FindStage(target, _stages.Count)
            ?? throw new FaultException(FaultKind.InvalidArgument, $"failed to reach build target {target} in Dockerfile");

    private List<Stage> Needed(Stage target)
    {
        var needed = new SortedSet<int>();
        void Visit(int index)
        {
            if (needed.Add(index))
            {
                foreach (var dependency in _stages[index].Dependencies)
                {
                    Visit(dependency);
                }
            }
        }

        Visit(target.Index);
        // A stage only uses earlier ones, so their numbers are an order.
        return [.. needed.Select(index => _stages[index])];
    }
}
