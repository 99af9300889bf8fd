using Gantry.Faults;
using Gantry.Linux;
using Gantry.Linux.Native;
using Gantry.Oci.Runtime;

namespace Gantry.Runtime.Hooks;

/// <summary>Runs hooks one after the other, each with the container's state on its standard input.</summary>
internal static class HookRunner
{
    /// <summary>Runs every hook; the first that fails, or outlives its timeout, fails the step.</summary>
    public static void Run(string point, List<HookSpec>? hooks, ContainerState state)
    {
        foreach (var hook in hooks ?? [])
        {
            Run(point, hook, state);
        }
    }

    private static void Run(string point, HookSpec hook, ContainerState state)
    {
        // A pipe holds 64 KiB, which is more than a state is: writing does not wait for the reader.
        var (read, write) = Unistd.Pipe(Fcntl.O_CLOEXEC);
        int pid;
        using (write)
        {
            using (read)
            {
                var arguments = hook.Args is { Count: > 0 } given ? given : [hook.Path];
                pid = Spawn.Start(hook.Path, arguments, hook.Env ?? [], read.Number, 1, 2);
            }
            try
            {
                Unistd.WriteAll(write.Number, RuntimeSpecJson.Write(state), hook.Path);
            }
            catch (LinuxException e) when (e.ErrorNumber == Errno.EPIPE)
            {
                // A hook need not read its state.
                _ = e;
            }
        }
        using var process = Sched.OpenProcess(pid);
        Span<PollDescriptor> ended = [new PollDescriptor(process.Number, Poll.POLLIN)];
        var timedOut = hook.Timeout is { } seconds && Poll.Wait(ended, seconds * 1000) == 0;
        if (timedOut)
        {
            Sched.TrySignal(process.Number, Signal.SIGKILL);
        }
        SysWait.Wait(pid, 0, out var status);
        if (timedOut)
        {
            throw new FaultException(
                FaultKind.DeadlineExceeded, $"{point} hook {hook.Path}: did not end within {hook.Timeout} s");
        }
        if (status.ExitCode != 0)
        {
            throw new FaultException(FaultKind.FailedPrecondition, $"{point} hook {hook.Path}: exit code {status.ExitCode}");
        }
    }
}
