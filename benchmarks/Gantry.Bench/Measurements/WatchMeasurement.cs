using System.Diagnostics;
using System.Globalization;
using Gantry.Bench.Instances;
using Gantry.Bench.Results;

namespace Gantry.Bench.Measurements;

/// <summary>1,000 watchers of the ConfigMaps of one namespace, over HTTP/2 as client-go does: from a write until the last of them has its event.</summary>
internal static class WatchMeasurement
{
    private const int Watchers = 1000;
    private const int Writes = 20;
    private const string Path = "/api/v1/namespaces/default/configmaps";
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(30);

    public static async Task<IReadOnlyList<Metric>> RunAsync()
    {
        await using var instance = await GantryInstance.StartedAsync();
        using var client = new ApiClient(instance, multiplexed: true, connections: 64);
        await client.PostAsync(Path, Body(0));
        var counter = new Countdown();
        var opened = Stopwatch.GetTimestamp();
        var readers = await Task.WhenAll(Enumerable.Range(0, Watchers).Select(_ => client.WatchAsync($"{Path}?watch=true&fieldSelector=metadata.name%3Dwatched")));
        var opening = Stopwatch.GetElapsedTime(opened).TotalMilliseconds;
        try
        {
            // Each watch begins with the object as it is: the first round.
            var first = counter.Expect(Watchers);
            var reading = readers.Select(reader => Task.Run(() => ReadAsync(reader, counter))).ToList();
            await first.WaitAsync(s_patience);
            var times = new List<double>();
            for (var write = 1; write <= Writes; write++)
            {
                var all = counter.Expect(Watchers);
                var before = Stopwatch.GetTimestamp();
                await client.PutAsync($"{Path}/watched", Body(write));
                var last = await all.WaitAsync(s_patience);
                times.Add(Stopwatch.GetElapsedTime(before, last).TotalMilliseconds);
            }

            return
            [
                new Metric("watchers_1000", "ms", times) { Note = "the reading of 1,000 events by the client on the same machine is part of it" },
                new Metric("watchers_1000_opening", "ms", [opening]),
            ];
        }
        finally
        {
            foreach (var reader in readers)
            {
                reader.Dispose();
            }
        }
    }

    private static string Body(int number) => string.Create(
        CultureInfo.InvariantCulture, $$$"""{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"watched"},"data":{"number":"{{{number}}}"}}""");

    private static async Task ReadAsync(StreamReader reader, Countdown counter)
    {
        try
        {
            while (await reader.ReadLineAsync() is not null)
            {
                counter.Count();
            }
        }
        catch (Exception ended) when (ended is IOException or ObjectDisposedException or HttpRequestException or OperationCanceledException)
        {
            // The measurement is over: its readers were closed under their reads.
        }
    }

    /// <summary>Tells the moment when as many events as expected have come.</summary>
    private sealed class Countdown
    {
        private int _missing;
        private TaskCompletionSource<long> _done = new();

        public Task<long> Expect(int events)
        {
            _done = new TaskCompletionSource<long>(TaskCreationOptions.RunContinuationsAsynchronously);
            Volatile.Write(ref _missing, events);
            return _done.Task;
        }

        public void Count()
        {
            if (Interlocked.Decrement(ref _missing) == 0)
            {
                _done.TrySetResult(Stopwatch.GetTimestamp());
            }
        }
    }
}
