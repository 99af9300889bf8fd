using System.Diagnostics;
using System.Globalization;

namespace Gantry.Cli.Commands;

/// <summary>Starts gantryd in a session of its own and waits until it is ready.</summary>
internal static class UpCommand
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(60);

    public static async Task<int> RunAsync(Instance instance, IReadOnlyList<string> flags)
    {
        if (await instance.StatusAsync().ConfigureAwait(false) is { } running)
        {
            Console.WriteLine($"gantryd is running already (process {running.Pid}).");
            StatusCommand.Print(running);
            return 0;
        }

        if (Environment.UserName != "root")
        {
            throw new UserErrorException("gantryd needs root: sudo gantry up");
        }

        Directory.CreateDirectory(instance.Root);
        var started = Stopwatch.GetTimestamp();
        using var daemon = Start(instance, flags);
        var status = await WaitAsync(instance, daemon, started).ConfigureAwait(false);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"Gantry is up after {Stopwatch.GetElapsedTime(started).TotalSeconds:0.00} s (process {status.Pid})."));
        StatusCommand.Print(status);
        return 0;
    }

    private static Process Start(Instance instance, IReadOnlyList<string> flags)
    {
        var program = Path.Combine(AppContext.BaseDirectory, "gantryd");
        if (!File.Exists(program))
        {
            throw new UserErrorException($"{program} does not exist; build Gantry with: ./gantry build");
        }

        // The shell opens the log and leaves its place to gantryd: no process of ours stays between.
        var start = new ProcessStartInfo("/bin/sh") { UseShellExecute = false };
        foreach (var argument in (string[])["-c", "log=$1; shift; exec setsid \"$@\" </dev/null >>\"$log\" 2>&1", "sh", instance.LogPath, program, "--root", instance.Root, .. flags])
        {
            start.ArgumentList.Add(argument);
        }

        return Process.Start(start) ?? throw new UserErrorException("gantryd could not be started");
    }

    private static async Task<InstanceStatus> WaitAsync(Instance instance, Process daemon, long started)
    {
        using var progress = new Progress("Starting gantryd");
        while (Stopwatch.GetElapsedTime(started) < s_patience)
        {
            if (await instance.StatusAsync().ConfigureAwait(false) is { Ready: true } status)
            {
                return status;
            }

            if (daemon.HasExited)
            {
                throw new UserErrorException($"gantryd ended at once:\n{Tail(instance.LogPath)}");
            }

            await Task.Delay(20).ConfigureAwait(false);
        }

        throw new UserErrorException($"gantryd is not ready after {s_patience.TotalSeconds:0} s; its log says:\n{Tail(instance.LogPath)}");
    }

    private static string Tail(string path) => File.Exists(path) ? string.Join('\n', File.ReadLines(path).TakeLast(5)) : "";
}
