using System.Diagnostics;
using System.Globalization;

namespace Gantry.Bench.Stores;

/// <summary>
/// Writers that each put values of 2 kB under keys of their own choice out of 10,000, one after the other, and wait for each answer.
/// </summary>
internal static class PutLoad
{
    private const int Keys = 10_000;
    private const int ValueBytes = 2048;
    private static readonly TimeSpan s_warmUp = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan s_window = TimeSpan.FromSeconds(5);

    /// <summary>Puts a value under a key, and completes when it is on disk.</summary>
    public delegate Task Put(string key, ReadOnlyMemory<byte> value);

    /// <summary>The rate of one run, and the time that 99 of 100 puts took at most.</summary>
    public static async Task<(double PerSecond, double P99Ms)> RunAsync(Put put, int writers)
    {
        await WriteAsync(put, writers, s_warmUp);
        var began = Stopwatch.GetTimestamp();
        var latencies = await WriteAsync(put, writers, s_window);
        var elapsed = Stopwatch.GetElapsedTime(began);
        latencies.Sort();
        return (latencies.Count / elapsed.TotalSeconds, latencies[latencies.Count * 99 / 100]);
    }

    private static async Task<List<double>> WriteAsync(Put put, int writers, TimeSpan window)
    {
        var began = Stopwatch.GetTimestamp();
        async Task<List<double>> OneAsync(int number)
        {
            var random = new Random(number);
            // Not compressible, and never the same: every value names its put.
            var value = new byte[ValueBytes];
            random.NextBytes(value);
            var own = new List<double>();
            while (Stopwatch.GetElapsedTime(began) < window)
            {
                var key = string.Create(CultureInfo.InvariantCulture, $"/registry/configmaps/namespace-{number % 10}/object-{random.Next(Keys):D6}");
                BitConverter.TryWriteBytes(value, own.Count);
                var before = Stopwatch.GetTimestamp();
                await put(key, value.AsSpan().ToArray());
                own.Add(Stopwatch.GetElapsedTime(before).TotalMilliseconds);
            }

            return own;
        }

        var all = await Task.WhenAll(Enumerable.Range(0, writers).Select(number => Task.Run(() => OneAsync(number))));
        return [.. all.SelectMany(own => own)];
    }
}
