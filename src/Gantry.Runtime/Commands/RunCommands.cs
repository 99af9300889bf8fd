using Gantry.Faults;
using Gantry.Linux;
using Gantry.Runtime.Create;
using Gantry.Runtime.State;

namespace Gantry.Runtime.Commands;

/// <summary>run: create and start, and without --detach wait, pass signals on and delete.</summary>
internal static class RunCommands
{
    public static int Run(StateStore store, ReadOnlySpan<string> args)
    {
        var arguments = new CommandArguments(args, LifecycleCommands.CreateOptionNames);
        var options = LifecycleCommands.ReadOptions(arguments);
        var detach = arguments.Has("detach");
        var (record, terminal) = new ContainerCreator(store).Create(options);
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
                new ContainerStart(store).Start(record.Id);
            }
            catch
            {
                new ContainerRemoval(store).Delete(record.Id, force: true);
                throw;
            }
            if (foreground is null)
            {
                return 0;
            }
            var code = foreground.Wait();
            if (!arguments.Has("keep"))
            {
                new ContainerRemoval(store).Delete(record.Id, force: true);
            }
            return code;
        }
    }
}
