using System.Globalization;
using Gantry.Bench.Instances;
using Gantry.Bench.Results;
using Gantry.Bench.Runtimes;
using Gantry.Linux.Native;

namespace Gantry.Bench.Measurements;

/// <summary>create, start, exec of `true` and delete, each timed, of one container after the other.</summary>
internal static class RuntimeLifecycleMeasurement
{
    private const int Runs = 50;
    private const int WarmRuns = 3;
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(10);

    public static Task<IReadOnlyList<Metric>> RunAsync() => RuntimeStage.RunAsync<IReadOnlyList<Metric>>(["/bin/sleep", "1000"], static stage =>
    {
        var create = new RuntimeMetrics("runtime_create", "ms") { RatioTarget = 0.5 };
        var start = new RuntimeMetrics("runtime_start", "ms") { RatioTarget = 0.5 };
        var exec = new RuntimeMetrics("runtime_exec", "ms") { RatioTarget = 0.5 };
        var delete = new RuntimeMetrics("runtime_delete", "ms") { RatioTarget = 0.5, Note = "of a container that has ended" };
        for (var run = 0; run < WarmRuns + Runs; run++)
        {
            foreach (var program in stage.Programs)
            {
                var container = program.NextContainer();
                var created = program.Time("create", "--bundle", stage.Directory, "--pid-file", $"{program.State}.pid", container);
                var started = program.Time("start", container);
                var executed = program.Time("exec", container, "/bin/true");
                program.Time("kill", container, "KILL");
                WaitForEnd(File.ReadAllText($"{program.State}.pid").Trim());
                var deleted = program.Time("delete", container);
                if (run >= WarmRuns)
                {
                    create.Add(program, created);
                    start.Add(program, started);
                    exec.Add(program, executed);
                    delete.Add(program, deleted);
                }
            }
        }

        return [.. create.ToMetrics(), .. start.ToMetrics(), .. exec.ToMetrics(), .. delete.ToMetrics()];
    });

    /// <summary>Until the process is gone, or is only waited for by whoever has become its parent.</summary>
    private static void WaitForEnd(string pid)
    {
        var end = DateTime.UtcNow + s_patience;
        while (true)
        {
            string stat;
            try
            {
                stat = File.ReadAllText($"/proc/{pid}/stat");
            }
            catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException or IOException)
            {
                return;
            }

            if (stat[stat.LastIndexOf(')')..].StartsWith(") Z", StringComparison.Ordinal))
            {
                return;
            }

            if (DateTime.UtcNow > end)
            {
                throw new BenchException($"process {int.Parse(pid, CultureInfo.InvariantCulture)} did not end");
            }

            Poll.Wait([], 1);
        }
    }
}
