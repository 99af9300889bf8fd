using Gantry.Bench.Instances;
using Gantry.Bench.Measurements;
using Gantry.Bench.Results;
using Gantry.Bench.Stores;

(string Name, Func<Task<IReadOnlyList<Metric>>> Run)[] measurements =
[
    ("runtime_run", RuntimeRunMeasurement.OneAsync),
    ("runtime_lifecycle", RuntimeLifecycleMeasurement.RunAsync),
    ("runtime_run_100", RuntimeRunMeasurement.CrowdAsync),
    ("runtime_size", RuntimeSizeMeasurement.RunAsync),
    ("docker_run", DockerRunMeasurement.RunAsync),
    ("ready_empty", StartMeasurement.EmptyAsync),
    ("ready_existing", StartMeasurement.ExistingAsync),
    ("idle", IdleMeasurement.RunAsync),
    ("apply_10", ApplyMeasurement.RunAsync),
    ("durable_writes", WriteMeasurement.RunAsync),
    ("store_writes", StoreWriteMeasurement.RunAsync),
    ("store_reads", StoreReadMeasurement.RunAsync),
    ("store_history", StoreHistoryMeasurement.RunAsync),
    ("list_5000", ListMeasurement.RunAsync),
    ("watchers_1000", WatchMeasurement.RunAsync),
];

if (args is [StoreOpening.Argument, var path])
{
    await StoreOpening.ReportAsync(path);
    return 0;
}

var unknown = args.Where(arg => measurements.All(measurement => measurement.Name != arg)).ToList();
if (unknown.Count > 0)
{
    await Console.Error.WriteLineAsync($"bench: unknown: {string.Join(' ', unknown)}; there are: {string.Join(' ', measurements.Select(measurement => measurement.Name))}");
    return 2;
}

var code = 0;
foreach (var (name, run) in measurements.Where(measurement => args.Length == 0 || args.Contains(measurement.Name)))
{
    await Console.Error.WriteLineAsync($"{name} ... (load {File.ReadAllText("/proc/loadavg").Split(' ')[0]})");
    try
    {
        foreach (var metric in await run())
        {
            Console.WriteLine(metric.ToJson());
        }
    }
    catch (Exception failure) when (failure is BenchException or IOException or HttpRequestException or TimeoutException)
    {
        await Console.Error.WriteLineAsync($"{name} failed: {failure.Message}");
        code = 1;
    }
}

return code;
