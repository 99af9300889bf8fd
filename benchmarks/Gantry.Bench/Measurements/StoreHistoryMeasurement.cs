using System.Diagnostics;
using System.Globalization;
using Gantry.Bench.Results;
using Gantry.Bench.Stores;
using Gantry.Store;
using Gantry.Store.Sqlite;

namespace Gantry.Bench.Measurements;

/// <summary>
/// A store with a long past: GANTRY_BENCH_REVISIONS revisions (a million, unless set otherwise; the promise is about ten million) of 100,000 keys.
/// How long it takes to open, what it needs of memory, and how fast the past is read.
/// </summary>
internal static class StoreHistoryMeasurement
{
    private const int Keys = 100_000;
    private const int Writers = 512;

    public static async Task<IReadOnlyList<Metric>> RunAsync()
    {
        var revisions = int.TryParse(Environment.GetEnvironmentVariable("GANTRY_BENCH_REVISIONS"), CultureInfo.InvariantCulture, out var set) ? set : 1_000_000;
        using var directory = new ScratchDirectory();
        var options = new SqliteStoreOptions(Path.Combine(directory.Path, "cluster.db")) { HistoryBytes = 1L << 40 };
        var built = Stopwatch.GetTimestamp();
        await BuildAsync(options, revisions);
        var build = Stopwatch.GetElapsedTime(built);
        var before = Memory();
        var began = Stopwatch.GetTimestamp();
        await using var store = SqliteStore.Open(options);
        var open = Stopwatch.GetElapsedTime(began);
        var memory = Memory() - before;
        var span = await store.GetSpanAsync();
        var middle = (span.OldestRevision + store.Revision) / 2;
        var note = $"{store.Revision} revisions of {Keys} keys, {span.SizeBytes >> 20} MB on disk, built in {build.TotalSeconds:F0} s";
        return
        [
            new Metric("store_open", "s", [open.TotalSeconds]) { Target = 5, Note = note },
            new Metric("store_open_memory", "MB", [memory / 1048576.0]) { Note = "of the managed heap, after opening" },
            new Metric("store_past_range", "ms", [await TimeAsync(() => store.RangeAtAsync(new StoreRange("/registry/pods/namespace-3/", Revision: middle)))]) { Note = "10,000 keys at the middle of the history" },
            new Metric("store_past_versions", "ms", [await TimeAsync(() => store.GetVersionsAsync(Key(42)))]) { Note = "all versions of one key" },
            new Metric("store_snapshot", "ms", [await TimeAsync(() => store.CreateSnapshotAsync("bench"))]),
        ];
    }

    private static async Task BuildAsync(SqliteStoreOptions options, int revisions)
    {
        await using var store = SqliteStore.Open(options);
        var left = revisions;
        await Task.WhenAll(Enumerable.Range(0, Writers).Select(writer => Task.Run(async () =>
        {
            var random = new Random(writer);
            while (Interlocked.Decrement(ref left) is >= 0 and var number)
            {
                var key = number >= revisions - Keys ? revisions - 1 - number : random.Next(Keys);
                await store.CommitAsync([new(Key(key), BitConverter.GetBytes((long)number))]);
            }
        })));
        await store.CompactAsync(store.Revision);
        await store.GetSpanAsync();
    }

    private static string Key(int number) => string.Create(CultureInfo.InvariantCulture, $"/registry/pods/namespace-{number / 10_000}/pod-{number:D6}");

    private static long Memory() => GC.GetTotalMemory(forceFullCollection: true);

    private static async Task<double> TimeAsync<T>(Func<ValueTask<T>> work)
    {
        var began = Stopwatch.GetTimestamp();
        await work();
        return Stopwatch.GetElapsedTime(began).TotalMilliseconds;
    }
}
