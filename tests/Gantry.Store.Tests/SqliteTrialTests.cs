using System.Diagnostics;
using Gantry.Faults;
using Gantry.Store.Contract.Linearizability;
using Gantry.Store.Sqlite;
using Gantry.Store.Tests.Disk;
using Gantry.Store.Tests.Host;
using Xunit.Abstractions;

namespace Gantry.Store.Tests;

/// <summary>Concurrent clients and watchers through failing disks, power cuts and kill -9; a checker has the last word.</summary>
public sealed class SqliteTrialTests(ITestOutputHelper output)
{
    // Ten epochs of a quarter of a second, four times: the share of ./test.
    private const int Rounds = 4;
    private const int Epochs = 10;

    // More than an epoch has, so that a watcher that had no turn in one can resume in the next.
    private const int WindowCommits = 50_000;

    private static readonly TimeSpan s_epoch = TimeSpan.FromMilliseconds(250);

    [Fact]
    public async Task History_ThroughFailingDisksAndPowerCuts_IsLinearizable() => await RepeatAsync(Rounds, async seed =>
    {
        using var disk = new FaultyDisk();
        var random = new Random(seed);
        var trial = new StoreTrial(seed);
        var options = new SqliteStoreOptions(Path.Combine(disk.Root, "s.db")) { LogFiles = disk.LogFiles, WindowCommits = WindowCommits };
        for (var epoch = 0; epoch < Epochs; epoch++)
        {
            var store = SqliteStore.Open(options);
            Plan(disk, random);
            await CompactAsync(store, trial.WatchedRevision);
            var began = Stopwatch.GetTimestamp();
            IReadOnlyList<string> warnings = [];
            await trial.RunEpochAsync(store, () => disk.IsDead || Stopwatch.GetElapsedTime(began) > s_epoch, async () =>
            {
                warnings = store.Warnings();
                await store.DisposeAsync();
            });
            Assert.DoesNotContain(warnings, warning => warning.Contains("the store stopped", StringComparison.Ordinal));
            disk.RestorePower(random);
        }

        await using var last = SqliteStore.Open(options);
        return (await trial.JudgeAsync(last), trial.Count);
    });

    [Fact]
    public async Task History_ThroughKills_IsLinearizable() => await RepeatAsync(1, async seed =>
    {
        var directory = Directory.CreateTempSubdirectory("gantry-store-");
        try
        {
            var random = new Random(seed);
            var trial = new StoreTrial(seed);
            var path = Path.Combine(directory.FullName, "s.db");
            for (var kill = 0; kill < 5; kill++)
            {
                await using var store = await ProcessStore.StartAsync(path);
                var moment = trial.Count + random.Next(50, 1500);
                // The kill comes from beside the clients, who are in the middle of their calls.
                var killing = Task.Run(async () =>
                {
                    for (var patience = 0; trial.Count < moment && patience < 10_000; patience++)
                    {
                        await Task.Delay(1);
                    }

                    await store.KillAsync();
                });
                await trial.RunEpochAsync(store, () => store.HasEnded, () => killing);
            }

            await using var last = SqliteStore.Open(new SqliteStoreOptions(path));
            return (await trial.JudgeAsync(last), trial.Count);
        }
        finally
        {
            directory.Delete(recursive: true);
        }
    });

    /// <summary>What watchers have seen goes to the files while the disk fails.</summary>
    private static async Task CompactAsync(SqliteStore store, long revision)
    {
        try
        {
            if (revision > store.CompactedRevision)
            {
                await store.CompactAsync(revision);
            }
        }
        catch (FaultException failure) when (failure.Kind is FaultKind.Unavailable or FaultKind.ResourceExhausted)
        {
            // The disk failed just now.
        }
    }

    private static void Plan(FaultyDisk disk, Random random)
    {
        var number = random.Next(1, 400);
        switch (random.Next(7))
        {
            case 0:
                disk.Plan(number, DiskFault.Full, times: random.Next(1, 60));
                break;
            case 1:
                disk.Plan(number, DiskFault.Torn, times: random.Next(1, 4));
                break;
            case 2:
                disk.Plan(random.Next(1, 40), DiskFault.Error, (call, _) => call == DiskCall.Sync, times: random.Next(1, 6));
                break;
            case 3:
                disk.Plan(number, DiskFault.Error, times: random.Next(1, 4));
                break;
            case 4:
                disk.Plan(random.Next(1, 20), DiskFault.Error, (call, _) => call == DiskCall.Read, times: random.Next(1, 4));
                break;
            default:
                disk.Plan(number * 4, DiskFault.Crash);
                break;
        }
    }

    private async Task RepeatAsync(int rounds, Func<int, Task<(string? Wrong, int Operations)>> round)
    {
        var began = Stopwatch.GetTimestamp();
        var operations = 0L;
        for (var number = 0; TrialSettings.Minutes is { } minutes ? Stopwatch.GetElapsedTime(began) < minutes : number < rounds; number++)
        {
            var seed = TrialSettings.Seed + number;
            try
            {
                var (wrong, count) = await round(seed);
                operations += count;
                output.WriteLine($"seed {seed}: {count} operations");
                Assert.True(wrong is null, $"GANTRY_STORE_SEED={seed}: {wrong}");
                Assert.True(count > 100, $"GANTRY_STORE_SEED={seed}: only {count} operations were recorded");
            }
            catch (Exception failure) when (failure is FaultException or TimeoutException)
            {
                Assert.Fail($"GANTRY_STORE_SEED={seed}: {failure}");
            }
        }

        output.WriteLine($"{operations} operations in {Stopwatch.GetElapsedTime(began).TotalSeconds:F0} s, first seed {TrialSettings.Seed}");
    }
}
