using System.Diagnostics;
using Gantry.Bench.Results;
using Gantry.Bench.Runtimes;

namespace Gantry.Bench.Measurements;

/// <summary>
/// `run` of `true` by gantry-runtime, crun and runc: one at a time, in turns, so that other load meets all of them alike; and a
/// hundred at once.
/// </summary>
internal static class RuntimeRunMeasurement
{
    private const int Runs = 50;
    private const int WarmRuns = 5;
    private const int Crowd = 100;
    private const int CrowdRuns = 5;

    public static Task<IReadOnlyList<Metric>> OneAsync() => RuntimeStage.RunAsync<IReadOnlyList<Metric>>(["/bin/true"], static stage =>
    {
        var times = new RuntimeMetrics("runtime_run", "ms") { RatioTarget = 0.5 };
        for (var run = 0; run < WarmRuns + Runs; run++)
        {
            foreach (var program in stage.Programs)
            {
                var time = program.Time("run", "--bundle", stage.Directory, program.NextContainer());
                if (run >= WarmRuns)
                {
                    times.Add(program, time);
                }
            }
        }

        return [.. times.ToMetrics()];
    });

    public static Task<IReadOnlyList<Metric>> CrowdAsync() => RuntimeStage.RunAsync<IReadOnlyList<Metric>>(["/bin/true"], static stage =>
    {
        var times = new RuntimeMetrics("runtime_run_100", "ms") { RatioTarget = 0.5, Note = "from the first start to the last end" };
        for (var run = 0; run < CrowdRuns; run++)
        {
            foreach (var program in stage.Programs)
            {
                var began = Stopwatch.GetTimestamp();
                var started = Enumerable.Range(0, Crowd)
                    .Select(_ => program.Start("run", "--bundle", stage.Directory, program.NextContainer())).ToList();
                started.ForEach(pid => program.Finish(pid, "run"));
                times.Add(program, Stopwatch.GetElapsedTime(began).TotalMilliseconds);
            }
        }

        return [.. times.ToMetrics()];
    });
}
