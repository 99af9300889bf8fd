using System.Globalization;
using Gantry.Bench.Instances;
using Gantry.Bench.Results;
using Gantry.Bench.Runtimes;

namespace Gantry.Bench.Measurements;

/// <summary>
/// The memory that `run` takes at its peak, as the kernel charges it to a group of its own: private pages of all its
/// processes and what the kernel keeps for them; programs and libraries are charged to whoever read them first. And the size of
/// the program.
/// </summary>
internal static class RuntimeSizeMeasurement
{
    private const int Runs = 20;
    private const int MarginMegabytes = 2;
    private const double MostMegabytes = 8;
    private const double Megabyte = 1 << 20;

    public static Task<IReadOnlyList<Metric>> RunAsync() => RuntimeStage.RunAsync<IReadOnlyList<Metric>>(["/bin/true"], static stage =>
    {
        var unified = File.Exists("/sys/fs/cgroup/cgroup.controllers");
        var (parent, peak) = unified ? ("/sys/fs/cgroup", "memory.peak") : ("/sys/fs/cgroup/memory", "memory.max_usage_in_bytes");
        var memory = new RuntimeMetrics("runtime_run_memory_peak", "MB") { Note = $"promised: at most crun's and {MarginMegabytes} MB" };
        for (var run = 0; run < Runs + 1; run++)
        {
            foreach (var program in stage.Programs)
            {
                var group = Directory.CreateDirectory($"{parent}/bench-{Environment.ProcessId}-{run}-{program.Name}").FullName;
                try
                {
                    program.Finish(program.StartIn(group, "run", "--bundle", stage.Directory, program.NextContainer()), "run");
                    if (run > 0)
                    {
                        memory.Add(program, long.Parse(File.ReadAllText($"{group}/{peak}").Trim(), CultureInfo.InvariantCulture) / Megabyte);
                    }
                }
                finally
                {
                    Directory.Delete(group);
                }
            }
        }

        return
        [
            .. memory.ToMetrics(),
            new Metric("runtime_program_size", "MB", [new FileInfo(Repository.Runtime).Length / Megabyte]) { Target = MostMegabytes },
        ];
    });
}
