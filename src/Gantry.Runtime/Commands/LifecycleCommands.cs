using Gantry.Faults;
using Gantry.Linux.Cgroups;
using Gantry.Linux.Native;
using Gantry.Runtime.Create;
using Gantry.Runtime.State;

namespace Gantry.Runtime.Commands;

/// <summary>create, start, kill, delete, pause and resume.</summary>
internal static class LifecycleCommands
{
    public const string CreateOptionNames =
        "bundle|b console-socket pid-file no-pivot! no-new-keyring! preserve-fds detach|d! keep! no-subreaper!";

    public static int Create(StateStore store, ReadOnlySpan<string> args)
    {
        var arguments = new CommandArguments(args, CreateOptionNames);
        var options = ReadOptions(arguments);
        if (options.ConsoleSocket is null && Bundle.BundleLoader.Load(options.BundlePath).Spec.Process?.Terminal == true)
        {
            throw new FaultException(
                FaultKind.InvalidArgument, "create: the process has a terminal; --console-socket must say who gets it");
        }
        new ContainerCreator(store).Create(options);
        return 0;
    }

    public static CreateOptions ReadOptions(CommandArguments arguments) => new()
    {
        Id = arguments.Id(),
        BundlePath = arguments.Value("bundle") ?? ".",
        PidFile = arguments.Value("pid-file"),
        ConsoleSocket = arguments.Value("console-socket"),
        NoPivot = arguments.Has("no-pivot"),
        NewKeyring = !arguments.Has("no-new-keyring"),
        PreservedDescriptors = ReadPreserved(arguments),
    };

    public static int ReadPreserved(CommandArguments arguments)
    {
        var count = arguments.Number("preserve-fds", 0);
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

    public static int Start(StateStore store, ReadOnlySpan<string> args)
    {
        new ContainerStart(store).Start(new CommandArguments(args, "").Id());
        return 0;
    }

    public static int Kill(StateStore store, ReadOnlySpan<string> args)
    {
        var arguments = new CommandArguments(args, "all|a!", operandLimit: 2);
        var name = arguments.Operands.Count > 1 ? arguments.Operands[1] : "TERM";
        var signal = Signal.Parse(name);
        if (signal < 0)
        {
            throw new FaultException(FaultKind.InvalidArgument, $"there is no signal \"{name}\"");
        }
        new ContainerRemoval(store).Kill(arguments.Id(), signal, arguments.Has("all"));
        return 0;
    }

    public static int Delete(StateStore store, ReadOnlySpan<string> args)
    {
        var arguments = new CommandArguments(args, "force|f!");
        new ContainerRemoval(store).Delete(arguments.Id(), arguments.Has("force"));
        return 0;
    }

    public static int SetFrozen(StateStore store, ReadOnlySpan<string> args, bool frozen)
    {
        var id = new CommandArguments(args, "").Id();
        var record = store.Load(id);
        var status = ProcessTable.StatusOf(record, store);
        var expected = frozen ? "running" : "paused";
        if (status != expected)
        {
            throw new FaultException(FaultKind.FailedPrecondition, $"container \"{id}\" is {status}, not {expected}");
        }
        ControlGroup.Open(record.CgroupPath).SetFrozen(frozen);
        return 0;
    }
}
