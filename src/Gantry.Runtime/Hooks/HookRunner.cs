using Gantry.Faults;
using Gantry.Linux;
using Gantry.Linux.Native;
using Gantry.Oci.Runtime;

namespace Gantry.Runtime.Hooks;

/// <summary>Runs hooks one after the other, each with the container's state on its standard input.</summary>
internal static class HookRunner
{
    /// <summary>The points at which a configuration has hooks, with them.</summary>
    public static IEnumerable<(string Point, List<HookSpec> Hooks)> Points(HooksSpec? hooks)
    {
        (string, List<HookSpec>?)[] all =
        [
            ("prestart", hooks?.Prestart), ("createRuntime", hooks?.CreateRuntime),
            ("createContainer", hooks?.CreateContainer), ("startContainer", hooks?.StartContainer),
            ("poststart", hooks?.Poststart), ("poststop", hooks?.Poststop),
        ];
        foreach (var (point, list) in all)
        {
            if (list is not null)
            {
                yield return (point, list);
            }
        }
    }

    /// <summary>
    /// Runs every hook; the first that fails, or outlives its timeout, fails the step. One that names no environment gets
    /// <paramref name="environment"/>.
    /// </summary>
    public static void Run(string point, List<HookSpec>? hooks, ContainerState state, List<string>? environment = null)
    {
        foreach (var hook in hooks ?? [])
        {
            Run(point, hook, state, environment);
        }
    }

    /// <summary>Runs every hook; one that fails is a warning, and the next one runs (runtime.md, steps 9 and 13).</summary>
    public static void RunAll(string point, List<HookSpec>? hooks, ContainerState state)
    {
        foreach (var hook in hooks ?? [])
        {
            try
            {
                Run(point, hook, state, environment: null);
            }
            catch (FaultException e)
            {
                CommandOutput.Warn(e.Message);
            }
        }
    }

    private static void Run(string point, HookSpec hook, ContainerState state, List<string>? environment)
    {
        int pid;
        // A file: a pipe would hold up the runtime when the hook does not read and annotations are long.
        using (var input = SysMman.CreateFile("state"))
        {
            Unistd.WriteAll(input.Number, RuntimeSpecJson.Write(state), hook.Path);
            Unistd.Rewind(input.Number);
            var arguments = hook.Args is { Count: > 0 } given ? given : [hook.Path];
            try
            {
                pid = Spawn.Start(hook.Path, arguments, hook.Env ?? environment ?? [], input.Number, 1, 2);
            }
            catch (LinuxException e)
            {
                throw new FaultException(e.Kind, $"{point} hook: {e.Message}", e);
            }
        }
        using var process = Sched.OpenProcess(pid);
        Span<PollDescriptor> ended = [new PollDescriptor(process.Number, Poll.POLLIN)];
        var timedOut = hook.Timeout is { } seconds && Poll.Wait(ended, (int)Math.Min(seconds * 1000L, int.MaxValue)) == 0;
        if (timedOut)
        {
            // Its session's group: what it has started would hold the streams open.
            Signal.TryKill(-pid, Signal.SIGKILL);
            Sched.TrySignal(process.Number, Signal.SIGKILL);
        }
        SysWait.Wait(pid, 0, out var status);
        if (timedOut)
        {
            throw new FaultException(
                FaultKind.DeadlineExceeded, $"{point} hook {hook.Path}: did not end within {hook.Timeout} s and was killed");
        }
        if (status.ExitCode != 0)
        {
            throw new FaultException(FaultKind.FailedPrecondition, $"{point} hook {hook.Path}: exit code {status.ExitCode}");
        }
    }
}
