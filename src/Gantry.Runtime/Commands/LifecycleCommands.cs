using Gantry.Faults;
using Gantry.Linux.Cgroups;
using Gantry.Linux.Native;
using Gantry.Runtime.Create;
using Gantry.Runtime.State;

namespace Gantry.Runtime.Commands;

/// <summary>create, start, kill, delete, pause and resume.</summary>
internal static class LifecycleCommands
{
    public const string CreateOptionTable = """
        bundle|b=DIR         the bundle's directory (the current one)
        console-socket=PATH  a unix socket that gets the terminal's master
        pidfd-socket=PATH    a unix socket that gets a descriptor of the first process
        pid-file=FILE        write the first process's id to this file
        no-pivot             do not use pivot_root; needed when the root is on a ramdisk
        no-new-keyring       keep the caller's session keyring
        preserve-fds=N       pass descriptors 3 to 2+N on to the container (0)

        """;

    public static readonly CommandSyntax CreateSyntax = new(
        "create", "ID", "create a container", CreateOptionTable);

    public static readonly CommandSyntax StartSyntax = new("start", "ID", "run a created container's program");

    public static readonly CommandSyntax KillSyntax = new(
        "kill", "ID [SIGNAL]", "send a signal (TERM) to a container's first process", """
        all|a  to every process of the container

        """)
    { MaxOperands = 2, OperandLimit = 1 };

    public static readonly CommandSyntax DeleteSyntax = new(
        "delete", "ID", "delete a stopped container", """
        force|f  kill it if it runs, and do not mind when it does not exist

        """);

    public static readonly CommandSyntax PauseSyntax = new("pause", "ID", "stop every process of a container for a while");

    public static readonly CommandSyntax ResumeSyntax = new("resume", "ID", "let a paused container go on");

    public static int Create(CommandContext context, CommandArguments arguments)
    {
        var options = ReadOptions(context, arguments);
        if (options.ConsoleSocket is null && Bundle.BundleLoader.Load(options.BundlePath).Spec.Process?.Terminal == true)
        {
            throw new FaultException(
                FaultKind.InvalidArgument, "create: the process has a terminal; --console-socket must say who gets it");
        }
        var (record, _) = new ContainerCreator(context.Store).Create(options);
        SendProcess(arguments.Value("pidfd-socket"), record.Pid);
        return 0;
    }

    public static CreateOptions ReadOptions(CommandContext context, CommandArguments arguments) => new()
    {
        Id = arguments.Id(),
        BundlePath = arguments.Value("bundle") is { Length: > 0 } bundle ? bundle : ".",
        PidFile = arguments.Value("pid-file"),
        ConsoleSocket = arguments.Value("console-socket"),
        NoPivot = arguments.Has("no-pivot"),
        NewKeyring = !arguments.Has("no-new-keyring"),
        PreservedDescriptors = ReadPreserved(arguments),
        Rootless = context.Options.Rootless,
        SystemdCgroup = context.Options.SystemdCgroup,
    };

    public static int ReadPreserved(CommandArguments arguments)
    {
        var count = arguments.Number("preserve-fds", 0);
        if (count < 0)
        {
            throw new FaultException(FaultKind.InvalidArgument, $"--preserve-fds {count}: must not be negative");
        }
        for (var number = 3; number < 3 + count; number++)
        {
            if (!Fcntl.IsOpen(number))
            {
                throw new FaultException(FaultKind.InvalidArgument, $"--preserve-fds {count}: descriptor {number} is not open");
            }
            Fcntl.SetCloseOnExec(number, false);
        }
        return count;
    }

    /// <summary>Sends a descriptor of the process to whoever listens on the socket.</summary>
    public static void SendProcess(string? socket, int pid)
    {
        if (string.IsNullOrEmpty(socket))
        {
            return;
        }
        using var process = Sched.OpenProcess(pid);
        using var connection = SysSocket.Connect(socket);
        SysSocket.SendMessage(connection.Number, "pidfd"u8, process.Number);
    }

    public static int Start(CommandContext context, CommandArguments arguments)
    {
        new ContainerStart(context.Store).Start(arguments.Id(), waitsForExec: false);
        return 0;
    }

    public static int Kill(CommandContext context, CommandArguments arguments)
    {
        // After the id, so that "kill ID -9" names a signal; "kill ID --all" still is the option.
        var words = arguments.Operands[1..];
        var all = arguments.Has("all") || words.Any(static word => word is "--all" or "-a");
        words.RemoveAll(static word => word is "--all" or "-a");
        var name = words.Count > 0 ? words[0].TrimStart('-') : "TERM";
        var signal = Signal.Parse(name);
        if (signal < 0)
        {
            throw new FaultException(FaultKind.InvalidArgument, $"there is no signal \"{name}\"");
        }
        new ContainerRemoval(context.Store).Kill(arguments.Id(), signal, all);
        return 0;
    }

    public static int Delete(CommandContext context, CommandArguments arguments)
    {
        new ContainerRemoval(context.Store).Delete(arguments.Id(), arguments.Has("force"));
        return 0;
    }

    public static int Pause(CommandContext context, CommandArguments arguments) =>
        SetFrozen(context.Store, arguments.Id(), true);

    public static int Resume(CommandContext context, CommandArguments arguments) =>
        SetFrozen(context.Store, arguments.Id(), false);

    private static int SetFrozen(StateStore store, string id, bool frozen)
    {
        var record = store.Load(id);
        var status = ProcessTable.StatusOf(record, store);
        var allowed = frozen ? status is "running" or "created" : status is "paused";
        if (!allowed)
        {
            throw new FaultException(
                FaultKind.FailedPrecondition, $"container \"{id}\" is {status}, not {(frozen ? "running" : "paused")}");
        }
        ControlGroup.Open(record.CgroupPath).SetFrozen(frozen);
        return 0;
    }
}
