using Gantry.Faults;
using Gantry.Oci.Runtime;
using Gantry.Runtime.Bundle;
using Gantry.Runtime.Exec;
using Gantry.Runtime.State;

namespace Gantry.Runtime.Commands;

/// <summary>exec.</summary>
internal static class ExecCommand
{
    private const string OptionNames =
        "process|p detach|d! tty|t! user|u cwd env|e cap|c pid-file console-socket preserve-fds additional-gids|g "
        + "no-new-privs! apparmor process-label no-subreaper! ignore-paused! cgroup";

    public static int Run(StateStore store, ReadOnlySpan<string> args)
    {
        var arguments = new CommandArguments(args, OptionNames, operandLimit: 1);
        var id = arguments.Id();
        var process = ReadProcess(store, id, arguments);
        var detach = arguments.Has("detach");
        var consoleSocket = arguments.Value("console-socket");
        if (detach && process.Terminal && consoleSocket is null)
        {
            throw new FaultException(
                FaultKind.InvalidArgument, "exec --detach: the process has a terminal; --console-socket must say who gets it");
        }
        var (pid, terminal) = new ExecCreator(store).Start(new ExecOptions
        {
            Id = id,
            Process = process,
            PidFile = arguments.Value("pid-file"),
            ConsoleSocket = consoleSocket,
            PreservedDescriptors = LifecycleCommands.ReadPreserved(arguments),
        });
        using (terminal)
        {
            if (detach)
            {
                return 0;
            }
            using var foreground = new ForegroundProcess(pid, terminal);
            return foreground.Wait();
        }
    }

    private static ProcessSpec ReadProcess(StateStore store, string id, CommandArguments arguments)
    {
        if (arguments.Value("process") is { } file)
        {
            return RuntimeSpecJson.ReadProcess(
                SmallFile.TryRead(file) ?? throw new FaultException(FaultKind.NotFound, $"{file}: no such file"), file);
        }
        // What is not said is as for the container's own process.
        var process = BundleLoader.Load(store.Load(id).Bundle).Spec.Process ?? new ProcessSpec();
        process.Args = arguments.Operands[1..];
        process.Terminal = arguments.Has("tty");
        process.Cwd = arguments.Value("cwd") ?? process.Cwd;
        process.Env = [.. process.Env ?? [], .. arguments.Values("env")];
        process.NoNewPrivileges |= arguments.Has("no-new-privs");
        if (arguments.Value("user") is { } user)
        {
            SetUser(process.User, user);
        }
        process.User.AdditionalGids =
            [.. process.User.AdditionalGids ?? [], .. arguments.Values("additional-gids").Select(uint.Parse)];
        AddCapabilities(process, [.. arguments.Values("cap")]);
        return process;
    }

    private static void SetUser(UserSpec user, string text)
    {
        var parts = text.Split(':');
        if (parts.Length > 2 || !uint.TryParse(parts[0], out var uid))
        {
            throw new FaultException(FaultKind.InvalidArgument, $"--user {text}: must be UID or UID:GID");
        }
        user.Uid = uid;
        if (parts.Length == 2)
        {
            user.Gid = uint.TryParse(parts[1], out var gid)
                ? gid
                : throw new FaultException(FaultKind.InvalidArgument, $"--user {text}: must be UID or UID:GID");
        }
    }

    private static void AddCapabilities(ProcessSpec process, List<string> names)
    {
        if (names.Count == 0)
        {
            return;
        }
        // Not to the inheritable set: a program's file capabilities would then give them back (CVE-2022-29162).
        var sets = process.Capabilities ??= new CapabilitiesSpec();
        sets.Bounding = [.. sets.Bounding ?? [], .. names];
        sets.Effective = [.. sets.Effective ?? [], .. names];
        sets.Permitted = [.. sets.Permitted ?? [], .. names];
    }
}
