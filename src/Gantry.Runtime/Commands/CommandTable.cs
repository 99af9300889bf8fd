using Gantry.Faults;
using Gantry.Linux.Native;
using Gantry.Runtime.Launch;
using Gantry.Runtime.State;

namespace Gantry.Runtime.Commands;

/// <summary>The command line: global options, then a command with its own.</summary>
internal static class CommandTable
{
    private const string DefaultRoot = "/run/gantry-runtime";

    private const string Usage = """
        usage: gantry-runtime [--root DIR] [--log FILE] [--log-format text|json] COMMAND [options]

        commands:
          create [--bundle DIR] [--console-socket PATH] [--pid-file FILE] [--no-pivot] [--preserve-fds N] ID
          start ID
          run [--bundle DIR] [--detach] [--keep] [--pid-file FILE] [--no-pivot] [--preserve-fds N] ID
          exec [--process FILE] [--detach] [--tty] [--user UID[:GID]] [--cwd DIR] [--env NAME=VALUE] [--cap CAP] ID [COMMAND...]
          state ID
          kill [--all] ID [SIGNAL]
          delete [--force] ID
          pause ID
          resume ID
          ps [--format table|json] ID
          list [--format table|json] [--quiet]
          spec [--bundle DIR]
          features
          monitor (used by gantryd)

        """;

    public static int Run(string[] args)
    {
        var code = 1;
        try
        {
            code = RunCommand(args);
        }
        catch (FaultException e)
        {
            CommandOutput.Fail(e.Message);
        }
        // Everything is written and nothing is buffered: the runtime's orderly end would only take time.
        Unistd.ExitNow(code);
        return code;
    }

    private static int RunCommand(string[] args)
    {
        var global = new CommandArguments(
            args, "root log log-format debug! systemd-cgroup! rootless version|v! help|h!", operandLimit: 1);
        CommandOutput.SetLog(global.Value("log"), global.Value("log-format") == "json");
        if (global.Has("version"))
        {
            CommandOutput.Print("gantry-runtime version 0.1.0\nspec: 1.2.0\n");
            return 0;
        }
        if (global.Has("help") || global.Operands.Count == 0)
        {
            CommandOutput.Print(Usage);
            return global.Has("help") ? 0 : 1;
        }
        if (global.Has("systemd-cgroup"))
        {
            throw new FaultException(FaultKind.NotImplemented, "--systemd-cgroup: not supported; cgroup paths are used as given");
        }
        switch (global.Operands[0])
        {
            case "create" or "monitor":
                SealedProgram.Ensure(args);
                break;
            case "run" or "exec":
                SealedProgram.Ensure(args, ForegroundProcess.Signals);
                break;
        }
        var store = new StateStore(global.Value("root") ?? DefaultRoot);
        var rest = global.Operands.ToArray().AsSpan(1);
        return global.Operands[0] switch
        {
            "create" => LifecycleCommands.Create(store, rest),
            "start" => LifecycleCommands.Start(store, rest),
            "run" => RunCommands.Run(store, rest),
            "exec" => ExecCommand.Run(store, rest),
            "state" => QueryCommands.State(store, rest),
            "kill" => LifecycleCommands.Kill(store, rest),
            "delete" => LifecycleCommands.Delete(store, rest),
            "pause" => LifecycleCommands.SetFrozen(store, rest, true),
            "resume" => LifecycleCommands.SetFrozen(store, rest, false),
            "ps" => QueryCommands.Processes(store, rest),
            "list" => QueryCommands.List(store, rest),
            "spec" => QueryCommands.Spec(rest),
            "features" => QueryCommands.Features(),
            "monitor" => Monitor.MonitorCommand.Run(rest),
            "monitor-cleanup" => Monitor.MonitorCommand.CleanUp(rest),
            "help" => Help(),
            _ => throw new FaultException(FaultKind.InvalidArgument, $"there is no command \"{global.Operands[0]}\"; see --help"),
        };
    }

    private static int Help()
    {
        CommandOutput.Print(Usage);
        return 0;
    }
}
