using Gantry.Faults;
using Gantry.Linux.Native;
using Gantry.Monitor;
using Gantry.Monitor.Protocol;
using Gantry.Runtime.Commands;
using Gantry.Runtime.Launch;
using Gantry.Runtime.State;

namespace Gantry.Runtime.Monitor;

/// <summary>The commands that gantryd runs: monitor and monitor-cleanup. Their answer on descriptor 1 is one frame.</summary>
internal static class MonitorCommand
{
    private const string LogName = "monitor.log";

    /// <summary>Clones the monitor off and ends, so that the monitor is nobody's child but init's.</summary>
    public static int Run(ReadOnlySpan<string> args)
    {
        MonitorOptions options;
        try
        {
            options = MonitorOptions.Parse(args);
            StateStore.CheckId(options.Id);
        }
        catch (FaultException e)
        {
            Answer(1, e);
            return 1;
        }
        Cloning.Clone(0UL, () => RunMonitor(options));
        return 0;
    }

    public static int CleanUp(ReadOnlySpan<string> args)
    {
        try
        {
            var arguments = new CommandArguments(args, "root id state-dir socket");
            var store = new StateStore(arguments.Required("root"));
            new ContainerRemoval(store).Delete(arguments.Required("id"), force: true);
            Unistd.Unlink(arguments.Required("socket"));
            var directory = arguments.Required("state-dir");
            if (Directory.Exists(directory) && !File.Exists($"{directory}/{ExitRecord.FileName}"))
            {
                var record = new ExitRecord(255, 0, false, DateTimeOffset.UtcNow, "the container's monitor was lost");
                SmallFile.WriteDurable(directory, ExitRecord.FileName, record.ToJson());
            }
            Answer(1, null);
            return 0;
        }
        catch (FaultException e)
        {
            Answer(1, e);
            return 1;
        }
    }

    /// <summary>Sends the outcome as one frame.</summary>
    public static void Answer(int descriptor, FaultException? fault)
    {
        var payload = new PayloadWriter();
        var frame = fault is null
            ? payload.ToFrame(FrameType.Ok, 0)
            : payload.Byte((byte)fault.Kind).String(fault.Message).ToFrame(FrameType.Error, 0);
        try
        {
            Unistd.WriteAll(descriptor, frame.Span);
        }
        catch (Linux.LinuxException e) when (e.ErrorNumber is Errno.EPIPE or Errno.ECONNRESET)
        {
            // Who launched this has gone; the next gantryd finds the container by its state.
            CommandOutput.Warn("the launcher went away before the answer");
        }
    }

    private static void RunMonitor(MonitorOptions options)
    {
        var answer = Fcntl.Duplicate(1);
        try
        {
            Unistd.NewSession();
            SysPrctl.SetName("gantry-monitor");
            Unistd.ChangeDirectory("/");
            RedirectStreams(options.StateDirectory);
            using var server = new MonitorServer(options, answer);
            server.Run();
        }
        catch (Exception e)
        {
            CommandOutput.Fail($"monitor of {options.Id}: {e.GetType().Name}: {e.Message}");
            if (!answer.IsClosed)
            {
                Answer(answer.Number, e as FaultException ?? new FaultException(FaultKind.Internal, e.Message, e));
            }
            Unistd.ExitNow(1);
        }
        Unistd.ExitNow(0);
    }

    /// <summary>Nothing of the launcher's stays open: input and output to /dev/null, errors to a log file.</summary>
    private static void RedirectStreams(string stateDirectory)
    {
        using var nothing = Fcntl.Open("/dev/null", Fcntl.O_RDWR);
        using var log = Fcntl.Open(
            $"{stateDirectory}/{LogName}", Fcntl.O_WRONLY | Fcntl.O_CREAT | Fcntl.O_APPEND, 0x180);
        Unistd.Duplicate(nothing.Number, 0, 0);
        Unistd.Duplicate(nothing.Number, 1, 0);
        Unistd.Duplicate(log.Number, 2, 0);
    }
}
