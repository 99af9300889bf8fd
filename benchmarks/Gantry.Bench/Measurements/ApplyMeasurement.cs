using System.Diagnostics;
using System.Text.Json;
using Gantry.Bench.Instances;
using Gantry.Bench.Results;

namespace Gantry.Bench.Measurements;

/// <summary>From the exec of `kubectl apply` with a Deployment of ten to the watch event that says ten are ready.</summary>
internal static class ApplyMeasurement
{
    private const int Runs = 5;
    private const int Replicas = 10;
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(60);

    private static readonly string s_manifest = $$"""
        apiVersion: apps/v1
        kind: Deployment
        metadata: {name: ten}
        spec:
          replicas: {{Replicas}}
          selector: {matchLabels: {app: ten} }
          template:
            metadata: {labels: {app: ten} }
            spec:
              terminationGracePeriodSeconds: 0
              containers:
              - {name: sleep, image: "busybox:latest", imagePullPolicy: IfNotPresent, command: [sleep, "3600"]}
        """;

    public static async Task<IReadOnlyList<Metric>> RunAsync()
    {
        await using var instance = await GantryInstance.StartedAsync();
        await instance.MakeBusyboxAsync();
        await instance.WaitNodeReadyAsync();
        using var client = new ApiClient(instance, multiplexed: true, connections: 4);
        var times = new List<double>();
        for (var run = 0; run < Runs; run++)
        {
            using var events = await client.WatchAsync("/apis/apps/v1/namespaces/default/deployments?watch=true&fieldSelector=metadata.name%3Dten");
            var began = Stopwatch.GetTimestamp();
            var apply = instance.ApplyAsync(s_manifest);
            var ready = WaitReadyAsync(events);
            await apply;
            times.Add(Stopwatch.GetElapsedTime(began, await ready.WaitAsync(s_patience)).TotalSeconds);
            await RemoveAsync(instance, client);
        }

        return [new Metric("apply_10", "s", times) { Target = 1.0, Note = "the first run is the first of its instance" }];
    }

    private static async Task<long> WaitReadyAsync(StreamReader events)
    {
        while (await events.ReadLineAsync() is { } line)
        {
            using var document = JsonDocument.Parse(line);
            if (document.RootElement.GetProperty("object").TryGetProperty("status", out var status) && status.TryGetProperty("readyReplicas", out var ready) && ready.GetInt32() == Replicas)
            {
                return Stopwatch.GetTimestamp();
            }
        }

        throw new BenchException("the watch of the Deployment ended");
    }

    private static async Task RemoveAsync(GantryInstance instance, ApiClient client)
    {
        await instance.KubectlAsync("delete", "deployment", "ten");
        var deadline = Stopwatch.StartNew();
        while (true)
        {
            using var pods = JsonDocument.Parse(await client.GetAsync("/api/v1/namespaces/default/pods"));
            if (pods.RootElement.GetProperty("items").GetArrayLength() == 0)
            {
                // What the removal still has to do behind the API must not fall into the next run.
                await Task.Delay(1000);
                return;
            }

            if (deadline.Elapsed > s_patience)
            {
                throw new BenchException("the pods of the deleted Deployment were not removed");
            }

            await Task.Delay(50);
        }
    }
}
