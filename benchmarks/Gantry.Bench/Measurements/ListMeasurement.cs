using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Gantry.Bench.Instances;
using Gantry.Bench.Results;

namespace Gantry.Bench.Measurements;

/// <summary>LIST of 5,000 pods that no scheduler places, in one answer over HTTPS.</summary>
internal static class ListMeasurement
{
    private const int Pods = 5000;
    private const int Clients = 16;
    private const int Runs = 10;

    public static async Task<IReadOnlyList<Metric>> RunAsync()
    {
        await using var instance = await GantryInstance.StartedAsync();
        using var client = new ApiClient(instance, multiplexed: false, connections: Clients);
        await CreateAsync(client);
        var times = new List<double>();
        var size = 0;
        for (var run = -1; run < Runs; run++)
        {
            var before = Stopwatch.GetTimestamp();
            var answer = await client.GetAsync("/api/v1/pods");
            var elapsed = Stopwatch.GetElapsedTime(before).TotalMilliseconds;
            if (run < 0)
            {
                Check(answer);
                size = answer.Length;
            }
            else
            {
                times.Add(elapsed);
            }
        }

        var resident = File.ReadLines($"/proc/{instance.Pid}/status").First(line => line.StartsWith("VmRSS:", StringComparison.Ordinal))["VmRSS:".Length..].Trim();
        return
        [
            new Metric("list_5000", "ms", times) { Note = $"gantryd has {resident} resident afterwards" },
            new Metric("list_5000_size", "MB", [size / 1e6]),
        ];
    }

    private static async Task CreateAsync(ApiClient client)
    {
        var count = 0;
        async Task WorkAsync()
        {
            while (Interlocked.Increment(ref count) is var number and <= Pods)
            {
                var name = string.Create(CultureInfo.InvariantCulture, $"pod-{number}");
                await client.PostAsync("/api/v1/namespaces/default/pods", $$$"""
                    {"apiVersion":"v1","kind":"Pod","metadata":{"name":"{{{name}}}","labels":{"app":"many"}},
                     "spec":{"schedulerName":"none","containers":[{"name":"main","image":"busybox:latest","command":["sleep","3600"]}]}}
                    """);
            }
        }

        await Task.WhenAll(Enumerable.Range(0, Clients).Select(_ => Task.Run(WorkAsync)));
    }

    private static void Check(byte[] answer)
    {
        using var list = JsonDocument.Parse(answer);
        var length = list.RootElement.GetProperty("items").GetArrayLength();
        if (length != Pods)
        {
            throw new BenchException($"the list has {length} pods, not {Pods}");
        }
    }
}
