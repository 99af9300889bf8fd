using Gantry.Faults;
using Gantry.Oci.Runtime;
using Gantry.Runtime.Bundle;
using Gantry.Runtime.Exec;
using Gantry.Runtime.Launch;
using Gantry.Runtime.State;

namespace Gantry.Runtime.Commands;

/// <summary>exec.</summary>
internal static class ExecCommand
{
    public static readonly CommandSyntax Syntax = new(
        "exec", "ID [COMMAND...]", "run a further process in a container", """
        process|p=FILE          read the process from a process.json instead of COMMAND and the options for it
        detach|d                return when the program runs
        tty|t                   give it a terminal
        user|u=UID[:GID]        run as this user
        additional-gids|g=GID   a further group; may be repeated
        cwd=DIR                 its working directory
        env|e=NAME=VALUE        an environment variable; may be repeated
        cap|c=CAPABILITY        add a capability; may be repeated
        no-new-privs            set no_new_privs
        apparmor=PROFILE        its AppArmor profile
        process-label=LABEL     its SELinux label
        console-socket=PATH     a unix socket that gets the terminal's master
        pidfd-socket=PATH       a unix socket that gets a descriptor of the process
        pid-file=FILE           write the process's id to this file
        preserve-fds=N          pass descriptors 3 to 2+N on to it (0)
        cgroup=[CTL:]PATH       run it in a group below the container's; with v1's controllers it may be repeated
        ignore-paused           start it in a paused container; it runs when that is resumed
        no-subreaper            taken and without meaning

        """)
    { MaxOperands = int.MaxValue, OperandLimit = 1 };

    public static int Run(CommandContext context, CommandArguments arguments)
    {
        var store = context.Store;
        var record = store.Load(arguments.Id());
        var (process, configuration) = ReadProcess(record, arguments);
        var detach = arguments.Has("detach");
        var consoleSocket = arguments.Value("console-socket");
        if (detach && process.Terminal && consoleSocket is null)
        {
            throw new FaultException(
                FaultKind.InvalidArgument, "exec --detach: the process has a terminal; --console-socket must say who gets it");
        }
        var preserved = LifecycleCommands.ReadPreserved(arguments);
        var listening = ListenDescriptors.Take();
        ListenDescriptors.Keep(listening > 0 ? listening + preserved : 0);
        var (pid, terminal) = new ExecCreator(store).Start(new ExecOptions
        {
            Id = record.Id,
            Record = record,
            Process = process,
            Configuration = configuration,
            PidFile = arguments.Value("pid-file"),
            ConsoleSocket = consoleSocket,
            PreservedDescriptors = listening + preserved,
            ListenDescriptors = listening,
            IsForeground = !detach && consoleSocket is null,
            IgnorePaused = arguments.Has("ignore-paused"),
            SubGroups = SubGroups.Parse([.. arguments.Values("cgroup")]),
        });
        using (terminal)
        {
            LifecycleCommands.SendProcess(arguments.Value("pidfd-socket"), pid);
            if (detach)
            {
                return 0;
            }
            using var foreground = new ForegroundProcess(pid, terminal);
            return foreground.Wait();
        }
    }

    private static (ProcessSpec Process, RuntimeSpec? Configuration) ReadProcess(ContainerRecord record, CommandArguments arguments)
    {
        if (arguments.Value("process") is { } file)
        {
            var json = SmallFile.TryRead(file) ?? throw new FaultException(FaultKind.NotFound, $"{file}: no such file");
            return (RuntimeSpecJson.ReadProcess(json, file), null);
        }
        // What is not said is as for the container's own process.
        var configuration = BundleLoader.LoadForExec(record.Bundle);
        var process = configuration.Process ?? new ProcessSpec();
        process.Args = arguments.Operands[1..];
        if (process.Args.Count == 0)
        {
            throw new FaultException(FaultKind.InvalidArgument, "exec: a command, or --process FILE, is required");
        }
        process.Terminal = arguments.Has("tty");
        process.Cwd = arguments.Value("cwd") ?? process.Cwd;
        process.Env = [.. process.Env ?? [], .. arguments.Values("env")];
        process.NoNewPrivileges = arguments.IsGiven("no-new-privs") ? arguments.Has("no-new-privs") : process.NoNewPrivileges;
        process.ApparmorProfile = arguments.Value("apparmor") ?? process.ApparmorProfile;
        process.SelinuxLabel = arguments.Value("process-label") ?? process.SelinuxLabel;
        if (arguments.Value("user") is { } user)
        {
            SetUser(process.User, user);
        }
        process.User.AdditionalGids =
            [.. process.User.AdditionalGids ?? [], .. arguments.Values("additional-gids").ConvertAll(ReadGroup)];
        AddCapabilities(process, [.. arguments.Values("cap")]);
        return (process, configuration);
    }

    private static uint ReadGroup(string text) =>
        uint.TryParse(text, out var gid)
            ? gid
            : throw new FaultException(FaultKind.InvalidArgument, $"--additional-gids {text}: must be a group's number");

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
        if (sets.Inheritable is { Count: > 0 })
        {
            // As runc: without inheritable ones an ambient capability could not be set.
            sets.Ambient = [.. sets.Ambient ?? [], .. names];
        }
    }
}
