using System.Globalization;
using Gantry.Bench.Instances;
using Gantry.Bench.Results;

namespace Gantry.Bench.Measurements;

/// <summary>What gantryd costs when nothing is asked of it: its resident memory after ten seconds, its processor time over twenty.</summary>
internal static class IdleMeasurement
{
    private const double TicksPerSecond = 100; // USER_HZ, the unit of /proc/PID/stat on every architecture of Linux (time(7))
    private static readonly TimeSpan s_settle = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan s_window = TimeSpan.FromSeconds(20);

    public static async Task<IReadOnlyList<Metric>> RunAsync()
    {
        await using var instance = await GantryInstance.StartedAsync();
        await instance.WaitNodeReadyAsync();
        await Task.Delay(s_settle);
        var resident = Field(instance.Pid, "VmRSS:");
        var anonymous = Field(instance.Pid, "RssAnon:");
        var before = ProcessorSeconds(instance.Pid);
        await Task.Delay(s_window);
        var share = (ProcessorSeconds(instance.Pid) - before) / s_window.TotalSeconds * 100;
        return
        [
            new Metric("idle_memory", "MB", [resident]) { Target = 150 },
            new Metric("idle_memory_anonymous", "MB", [anonymous]) { Note = "the part of idle_memory that is not mapped files" },
            new Metric("idle_cpu", "% of a core", [share]) { Target = 0.5 },
        ];
    }

    private static double Field(int pid, string name)
    {
        var line = File.ReadLines($"/proc/{pid}/status").First(line => line.StartsWith(name, StringComparison.Ordinal));
        return double.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)[^2], CultureInfo.InvariantCulture) * 1024 / 1e6;
    }

    private static double ProcessorSeconds(int pid)
    {
        // The name, the second field, may hold spaces: count from its closing parenthesis (proc_pid_stat(5)).
        var text = File.ReadAllText($"/proc/{pid}/stat");
        var fields = text[(text.LastIndexOf(')') + 2)..].Split(' ');
        return (double.Parse(fields[11], CultureInfo.InvariantCulture) + double.Parse(fields[12], CultureInfo.InvariantCulture)) / TicksPerSecond;
    }
}
