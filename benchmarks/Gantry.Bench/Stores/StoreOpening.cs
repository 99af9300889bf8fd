using System.Diagnostics;
using System.Globalization;
using Gantry.Bench.Instances;
using Gantry.Store.Sqlite;

namespace Gantry.Bench.Stores;

/// <summary>Opening a store in a process of its own: how long that takes, and what memory the process then has.</summary>
internal sealed record StoreOpening(double Seconds, double ManagedMb, double ResidentMb)
{
    /// <summary>The argument that a database's path follows.</summary>
    public const string Argument = "--open-store";

    public static async Task<StoreOpening> MeasureAsync(string path)
    {
        using var process = Process.Start(new ProcessStartInfo(Environment.ProcessPath!, [typeof(StoreOpening).Assembly.Location, Argument, path]) { RedirectStandardOutput = true })!;
        var answer = (await process.StandardOutput.ReadToEndAsync()).Split(' ');
        await process.WaitForExitAsync();
        return answer.Length == 3 ? new StoreOpening(Number(answer[0]), Number(answer[1]), Number(answer[2])) : throw new BenchException($"{path} was not opened");
    }

    /// <summary>The other side of it: opens, and prints what <see cref="MeasureAsync"/> reads.</summary>
    public static async Task ReportAsync(string path)
    {
        var began = Stopwatch.GetTimestamp();
        await using var store = SqliteStore.Open(new SqliteStoreOptions(path) { HistoryBytes = 1L << 40 });
        var seconds = Stopwatch.GetElapsedTime(began).TotalSeconds;
        var managed = GC.GetTotalMemory(forceFullCollection: true) / 1048576.0;
        using var self = Process.GetCurrentProcess();
        Console.Write(string.Create(CultureInfo.InvariantCulture, $"{seconds} {managed} {self.WorkingSet64 / 1048576.0}"));
    }

    private static double Number(string text) => double.Parse(text, CultureInfo.InvariantCulture);
}
