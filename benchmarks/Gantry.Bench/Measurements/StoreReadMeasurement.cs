using System.Diagnostics;
using System.Globalization;
using Gantry.Bench.Results;
using Gantry.Bench.Stores;
using Gantry.Store;
using Gantry.Store.Sqlite;

namespace Gantry.Bench.Measurements;

/// <summary>What readers and watchers of the embedded store see: 100,000 keys of 2 kB.</summary>
internal static class StoreReadMeasurement
{
    private const int Keys = 100_000;
    private const int RangeKeys = 10_000;
    private const int Runs = 5;
    private const int EventsPerSecond = 5_000;
    private static readonly TimeSpan s_window = TimeSpan.FromSeconds(1);

    public static async Task<IReadOnlyList<Metric>> RunAsync()
    {
        using var directory = new ScratchDirectory();
        await using var store = SqliteStore.Open(new SqliteStoreOptions(Path.Combine(directory.Path, "cluster.db")));
        for (var first = 0; first < Keys; first += 1000)
        {
            await store.CommitAsync([.. Enumerable.Range(first, 1000).Select(number => new StoreOperation(Key(number), new byte[2048]))]);
        }

        List<double> gets = [], ranges = [];
        for (var run = 0; run < Runs; run++)
        {
            gets.Add(await GetsAsync(store));
            ranges.Add(await RangeAsync(store));
        }

        var watch = await WatchAsync(store);
        return
        [
            new Metric("store_gets", "gets/s", gets) { TargetAtLeast = 1_000_000, Note = "all processors; keys in random order" },
            new Metric("store_range_10000", "ms", ranges) { Note = $"{RangeKeys} keys of {Keys}" },
            new Metric("store_watch", "ms", [watch[watch.Count / 2]]) { Note = "from the commit's answer to the watcher having the event, median" },
            new Metric("store_watch_p99", "ms", [watch[watch.Count * 99 / 100]]) { Target = 1, Note = $"{EventsPerSecond} puts a second by 32 writers" },
        ];
    }

    private static string Key(int number) => string.Create(CultureInfo.InvariantCulture, $"/registry/pods/namespace-{number / RangeKeys}/pod-{number:D6}");

    private static async Task<double> GetsAsync(SqliteStore store)
    {
        string[] keys = [.. Enumerable.Range(0, Keys).Select(Key)];
        var began = Stopwatch.GetTimestamp();
        async Task<long> ReadAsync(int seed)
        {
            var random = new Random(seed);
            var count = 0L;
            while (Stopwatch.GetElapsedTime(began) < s_window)
            {
                for (var i = 0; i < 1000; i++, count++)
                {
                    if (await store.GetAsync(keys[random.Next(Keys)]) is null)
                    {
                        throw new InvalidOperationException("a key is not there");
                    }
                }
            }

            return count;
        }

        var counts = await Task.WhenAll(Enumerable.Range(0, Environment.ProcessorCount).Select(seed => Task.Run(() => ReadAsync(seed))));
        return counts.Sum() / Stopwatch.GetElapsedTime(began).TotalSeconds;
    }

    private static async Task<double> RangeAsync(SqliteStore store)
    {
        var began = Stopwatch.GetTimestamp();
        var page = await store.RangeAsync(new StoreRange("/registry/pods/namespace-3/"));
        var elapsed = Stopwatch.GetElapsedTime(began).TotalMilliseconds;
        return page.Entries.Count == RangeKeys ? elapsed : throw new InvalidOperationException($"{page.Entries.Count} keys in the range");
    }

    /// <summary>Times from a commit's answer to its event in a watcher's hands, sorted; an event that came first counts as 0.</summary>
    private static async Task<List<double>> WatchAsync(SqliteStore store)
    {
        const int writers = 32;
        var answered = new System.Collections.Concurrent.ConcurrentDictionary<long, long>();
        var received = new List<(long Revision, long At)>();
        await using var watch = await store.WatchAsync("/registry/pods/", store.Revision);
        var watching = Task.Run(async () =>
        {
            await foreach (var change in watch.Events.ReadAllAsync())
            {
                received.Add((change.Revision, Stopwatch.GetTimestamp()));
            }
        });
        var began = Stopwatch.GetTimestamp();
        await Task.WhenAll(Enumerable.Range(0, writers).Select(writer => Task.Run(async () =>
        {
            for (var number = 0; Stopwatch.GetElapsedTime(began) < s_window * 5; number++)
            {
                var commit = await store.CommitAsync([new(Key((writer * 1000) + (number % 1000)), new byte[2048])]);
                answered[commit.Revision] = Stopwatch.GetTimestamp();
                var due = TimeSpan.FromSeconds((double)(number + 1) * writers / EventsPerSecond) - Stopwatch.GetElapsedTime(began);
                if (due > TimeSpan.Zero)
                {
                    await Task.Delay(due);
                }
            }
        })));
        await Task.Delay(200);
        await watch.DisposeAsync();
        await watching;
        return [.. received.Select(item => Math.Max(0, (item.At - answered[item.Revision]) * 1000.0 / Stopwatch.Frequency)).Order()];
    }
}
