using System.Diagnostics;
using System.Globalization;
using Gantry.Bench.Instances;
using Gantry.Bench.Results;

namespace Gantry.Bench.Measurements;

/// <summary>ConfigMaps created over HTTPS by 32 clients, each with a connection of its own that waits for its answer: every write is on disk then.</summary>
internal static class WriteMeasurement
{
    private const int Clients = 32;
    private const int MostWrites = 200_000;
    private static readonly TimeSpan s_warmUp = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan s_window = TimeSpan.FromSeconds(10);

    public static async Task<IReadOnlyList<Metric>> RunAsync()
    {
        await using var instance = await GantryInstance.StartedAsync();
        using var client = new ApiClient(instance, multiplexed: false, connections: Clients);
        await LoadAsync(client, "warm", s_warmUp);
        var began = Stopwatch.GetTimestamp();
        var latencies = await LoadAsync(client, "write", s_window);
        var rate = latencies.Count / Stopwatch.GetElapsedTime(began).TotalSeconds;
        return
        [
            new Metric("durable_writes", "writes/s", [rate]) { Note = $"{latencies.Count} ConfigMaps by {Clients} clients on the same machine" },
            new Metric("durable_write_latency", "ms", latencies),
        ];
    }

    private static async Task<List<double>> LoadAsync(ApiClient client, string prefix, TimeSpan window)
    {
        var began = Stopwatch.GetTimestamp();
        var count = 0;
        async Task<List<double>> WriteAsync()
        {
            var own = new List<double>();
            while (Stopwatch.GetElapsedTime(began) < window && Interlocked.Increment(ref count) is var number and <= MostWrites)
            {
                var before = Stopwatch.GetTimestamp();
                var name = string.Create(CultureInfo.InvariantCulture, $"{prefix}-{number}");
                await client.PostAsync("/api/v1/namespaces/default/configmaps", $$$"""{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"{{{name}}}"},"data":{"key":"{{{name}}}"}}""");
                own.Add(Stopwatch.GetElapsedTime(before).TotalMilliseconds);
            }

            return own;
        }

        var all = await Task.WhenAll(Enumerable.Range(0, Clients).Select(_ => Task.Run(WriteAsync)));
        return [.. all.SelectMany(own => own)];
    }
}
