using System.Text;
using Gantry.Faults;
using Gantry.Linux.Native;
using Gantry.Runtime.Launch;
using Gantry.Runtime.State;

namespace Gantry.Runtime.Commands;

/// <summary>The command line: global options, then a command with its own.</summary>
internal static class CommandTable
{
    private const string Program = "gantry-runtime";

    /// <summary>What runc's exec answers when the process could not be started.</summary>
    private const int ExecFailed = 255;

    private static readonly string[] Names =
    [
        "checkpoint", "create", "delete", "events", "exec", "features", "kill", "list", "pause", "ps", "restore", "resume",
        "run", "spec", "start", "state", "update",
    ];

    public static int Run(string[] args)
    {
        var code = 1;
        try
        {
            code = RunCommand(args, ref code);
        }
        catch (FaultException e)
        {
            CommandOutput.Fail(e.Message);
        }
        // Everything is written and nothing is buffered: the runtime's orderly end would only take time.
        Unistd.ExitNow(code);
        return code;
    }

    private static int RunCommand(string[] args, ref int failureCode)
    {
        var global = new CommandArguments(args, new CommandSyntax("", "", "", GlobalOptions.OptionTable)
        {
            MinOperands = 0,
            MaxOperands = int.MaxValue,
            OperandLimit = 1,
        });
        var options = GlobalOptions.Read(global);
        if (global.Has("version"))
        {
            CommandOutput.Print($"{Program} version {FeaturesCommand.Version}\nspec: {FeaturesCommand.SpecificationVersion}\n");
            return 0;
        }
        if (global.Has("help") || global.Operands.Count == 0)
        {
            CommandOutput.Print(Usage());
            return 0;
        }
        var name = global.Operands[0];
        var rest = global.Operands.ToArray().AsSpan(1);
        switch (name)
        {
            case "monitor":
                SealedProgram.Ensure(args);
                return Monitor.MonitorCommand.Run(rest);
            case "monitor-cleanup":
                return Monitor.MonitorCommand.CleanUp(rest);
            case "help":
                CommandOutput.Print(rest.Length == 0 ? Usage() : Find(rest[0]).Syntax.Help(Program));
                return 0;
        }
        var (syntax, run) = Find(name);
        failureCode = name == "exec" ? ExecFailed : 1;
        var arguments = new CommandArguments(rest, syntax);
        if (arguments.Has("help"))
        {
            CommandOutput.Print(syntax.Help(Program));
            return 0;
        }
        switch (name)
        {
            case "create":
                SealedProgram.Ensure(args);
                break;
            case "run" or "exec" or "restore":
                SealedProgram.Ensure(args, ForegroundProcess.Signals);
                break;
        }
        CommandOutput.Debug($"{string.Join(' ', global.Operands)} (root {options.Root})");
        return run(new CommandContext(options, new StateStore(options.Root)), arguments);
    }

    private static (CommandSyntax Syntax, Func<CommandContext, CommandArguments, int> Run) Find(string name) => name switch
    {
        "create" => (LifecycleCommands.CreateSyntax, LifecycleCommands.Create),
        "start" => (LifecycleCommands.StartSyntax, LifecycleCommands.Start),
        "run" => (RunCommands.Syntax, RunCommands.Run),
        "exec" => (ExecCommand.Syntax, ExecCommand.Run),
        "state" => (QueryCommands.StateSyntax, QueryCommands.State),
        "kill" => (LifecycleCommands.KillSyntax, LifecycleCommands.Kill),
        "delete" => (LifecycleCommands.DeleteSyntax, LifecycleCommands.Delete),
        "pause" => (LifecycleCommands.PauseSyntax, LifecycleCommands.Pause),
        "resume" => (LifecycleCommands.ResumeSyntax, LifecycleCommands.Resume),
        "ps" => (ProcessesCommand.Syntax, ProcessesCommand.Run),
        "list" => (QueryCommands.ListSyntax, QueryCommands.List),
        "update" => (UpdateCommand.Syntax, UpdateCommand.Run),
        "events" => (EventsCommand.Syntax, EventsCommand.Run),
        "checkpoint" => (CheckpointCommands.CheckpointSyntax, CheckpointCommands.Checkpoint),
        "restore" => (CheckpointCommands.RestoreSyntax, CheckpointCommands.Restore),
        "spec" => (SpecCommand.Syntax, SpecCommand.Run),
        "features" => (FeaturesCommand.Syntax, FeaturesCommand.Run),
        _ => throw new FaultException(FaultKind.InvalidArgument, $"there is no command \"{name}\"; see --help"),
    };

    private static string Usage()
    {
        var text = new StringBuilder(
            $"{Program} - runs containers by the Open Container Initiative's runtime specification\n\n" +
            $"usage: {Program} [global options] COMMAND [options] [operands]\n\ncommands ({Program} COMMAND --help says more):\n");
        foreach (var name in Names)
        {
            text.Append("  ").Append(name.PadRight(12)).Append(Find(name).Syntax.Summary).Append('\n');
        }
        text.Append("\nglobal options:\n");
        CommandSyntax.AppendOptions(text, GlobalOptions.OptionTable);
        return text.ToString();
    }
}
