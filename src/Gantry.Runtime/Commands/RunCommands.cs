using Gantry.Faults;
using Gantry.Linux.Native;
using Gantry.Runtime.Create;
using Gantry.Runtime.State;

namespace Gantry.Runtime.Commands;

/// <summary>run: create and start, and without --detach wait, pass signals on and delete.</summary>
internal static class RunCommands
{
    public static readonly CommandSyntax Syntax = new(
        "run", "ID", "create a container, run its program and delete it", LifecycleCommands.CreateOptionTable + """
        detach|d             return when the program runs
        keep                 do not delete the container when it has ended
        no-subreaper         do not adopt the container's orphans

        """);

    public static int Run(CommandContext context, CommandArguments arguments)
    {
        var options = LifecycleCommands.ReadOptions(context, arguments);
        var store = context.Store;
        var detach = arguments.Has("detach");
        if (!detach && !arguments.Has("no-subreaper"))
        {
            SysPrctl.SetChildSubreaper();
        }
        var (record, terminal) = new ContainerCreator(store).Create(
            options with { IsForeground = !detach && options.ConsoleSocket is null });
        using (terminal)
        {
            if (detach && terminal is not null)
            {
                new ContainerRemoval(store).Delete(record.Id, force: true);
                throw new FaultException(
                    FaultKind.InvalidArgument, "run --detach: the process has a terminal; --console-socket must say who gets it");
            }
            using var foreground = detach ? null : new ForegroundProcess(record.Pid, terminal);
            try
            {
                LifecycleCommands.SendProcess(arguments.Value("pidfd-socket"), record.Pid);
                new ContainerStart(store).Start(record.Id, foreground is not null);
            }
            catch
            {
                new ContainerRemoval(store).Delete(record.Id, force: true);
                throw;
            }
            return foreground is null ? 0 : Finish(store, record, foreground, keep: arguments.Has("keep"));
        }
    }

    /// <summary>Waits for the end and deletes the container unless it is kept.</summary>
    public static int Finish(StateStore store, ContainerRecord record, ForegroundProcess foreground, bool keep)
    {
        var code = foreground.Wait();
        if (!keep)
        {
            new ContainerRemoval(store).Delete(record.Id, force: true);
        }
        return code;
    }
}
