using System.Diagnostics;
using System.Globalization;
using Gantry.Bench.Results;
using Gantry.Bench.Stores;
using Gantry.Store;
using Gantry.Store.Sqlite;

namespace Gantry.Bench.Measurements;

/// <summary>
/// A store with a long past: GANTRY_BENCH_REVISIONS revisions (a million, unless set otherwise; the promise is about ten million) of 100,000 keys,
/// with values of GANTRY_BENCH_VALUE_BYTES (8; of more, the history keeps its usual gigabyte). How long it takes to open, what that
/// needs of memory beside a store that has the keys only, and how fast the past is read.
/// </summary>
internal static class StoreHistoryMeasurement
{
    private const int Keys = 100_000;
    private const int Writers = 512;

    public static async Task<IReadOnlyList<Metric>> RunAsync()
    {
        var revisions = Setting("GANTRY_BENCH_REVISIONS", 1_000_000);
        var valueBytes = Setting("GANTRY_BENCH_VALUE_BYTES", sizeof(long));
        using var directory = new ScratchDirectory();
        var keysOnly = new SqliteStoreOptions(Path.Combine(directory.Path, "keys.db"));
        await BuildAsync(keysOnly, Keys, valueBytes);
        var options = new SqliteStoreOptions(Path.Combine(directory.Path, "cluster.db"));
        options = valueBytes == sizeof(long) ? options with { HistoryBytes = 1L << 40 } : options;
        var built = Stopwatch.GetTimestamp();
        await BuildAsync(options, revisions, valueBytes);
        var build = Stopwatch.GetElapsedTime(built);
        var few = await StoreOpening.MeasureAsync(keysOnly.Path);
        var many = await StoreOpening.MeasureAsync(options.Path);
        await using var store = SqliteStore.Open(options);
        var span = await store.GetSpanAsync();
        var middle = (span.OldestRevision + store.Revision) / 2;
        var note = $"{store.Revision} revisions of {Keys} keys with {valueBytes} bytes, {span.SizeBytes >> 20} MB on disk, history from revision {span.OldestRevision}, built in {build.TotalSeconds:F0} s";
        return
        [
            new Metric("store_open", "s", [many.Seconds]) { Target = 5, Note = note },
            new Metric("store_open_memory", "MB", [many.ManagedMb]) { Note = $"of the managed heap; {few.ManagedMb:F0} for the keys only" },
            new Metric("store_open_resident", "MB", [many.ResidentMb]) { Note = $"of the process; {few.ResidentMb:F0} for the keys only, opened in {few.Seconds:F2} s" },
            new Metric("store_past_range", "ms", [await TimeAsync(() => store.RangeAtAsync(new StoreRange("/registry/pods/namespace-3/", Revision: middle)))]) { Note = "10,000 keys at the middle of the history" },
            new Metric("store_past_versions", "ms", [await TimeAsync(() => store.GetVersionsAsync(Key(42)))]) { Note = "all versions of one key" },
            new Metric("store_snapshot", "ms", [await TimeAsync(() => store.CreateSnapshotAsync("bench"))]),
        ];
    }

    private static int Setting(string name, int otherwise) =>
        int.TryParse(Environment.GetEnvironmentVariable(name), CultureInfo.InvariantCulture, out var set) ? set : otherwise;

    private static async Task BuildAsync(SqliteStoreOptions options, int revisions, int valueBytes)
    {
        await using var store = SqliteStore.Open(options);
        var left = revisions;
        await Task.WhenAll(Enumerable.Range(0, Writers).Select(writer => Task.Run(async () =>
        {
            var random = new Random(writer);
            while (Interlocked.Decrement(ref left) is >= 0 and var number)
            {
                var key = number >= revisions - Keys ? revisions - 1 - number : random.Next(Keys);
                var value = new byte[Math.Max(sizeof(long), valueBytes)];
                BitConverter.TryWriteBytes(value, (long)number);
                await store.CommitAsync([new(Key(key), value)]);
            }
        })));
        await store.CompactAsync(store.Revision);
        await store.GetSpanAsync();
    }

    private static string Key(int number) => string.Create(CultureInfo.InvariantCulture, $"/registry/pods/namespace-{number / 10_000}/pod-{number:D6}");

    private static async Task<double> TimeAsync<T>(Func<ValueTask<T>> work)
    {
        var began = Stopwatch.GetTimestamp();
        await work();
        return Stopwatch.GetElapsedTime(began).TotalMilliseconds;
    }
}
