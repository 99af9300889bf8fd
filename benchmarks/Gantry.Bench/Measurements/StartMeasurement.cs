using System.Diagnostics;
using Gantry.Bench.Instances;
using Gantry.Bench.Results;

namespace Gantry.Bench.Measurements;

/// <summary>From gantryd's exec to `kubectl get nodes` showing Ready, on an empty root and on one that was used before.</summary>
internal static class StartMeasurement
{
    private const int Runs = 10;

    public static async Task<IReadOnlyList<Metric>> EmptyAsync()
    {
        var (kubectl, process) = (new List<double>(), new List<double>());
        for (var run = 0; run < Runs; run++)
        {
            await using var instance = new GantryInstance();
            await StartAsync(instance, kubectl, process);
        }

        return Metrics("ready_empty", 1.0, kubectl, process);
    }

    public static async Task<IReadOnlyList<Metric>> ExistingAsync()
    {
        await using var instance = await GantryInstance.StartedAsync();
        await instance.WaitNodeReadyAsync();
        await instance.DownAsync();
        var (kubectl, process) = (new List<double>(), new List<double>());
        for (var run = 0; run < Runs; run++)
        {
            await StartAsync(instance, kubectl, process);
            await instance.DownAsync();
        }

        return Metrics("ready_existing", 0.7, kubectl, process);
    }

    private static async Task StartAsync(GantryInstance instance, List<double> kubectl, List<double> process)
    {
        var began = instance.Start();
        var shown = await instance.WaitNodeReadyAsync();
        var said = await instance.WaitReadyAsync();
        kubectl.Add(Stopwatch.GetElapsedTime(began, shown).TotalSeconds);
        process.Add(Stopwatch.GetElapsedTime(began, said).TotalSeconds);
    }

    private static Metric[] Metrics(string name, double target, List<double> kubectl, List<double> process) =>
    [
        new(name, "s", kubectl) { Target = target },
        new(name + "_process", "s", process) { Note = "until gantryd itself says that everything has started" },
    ];
}
