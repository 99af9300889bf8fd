using System.Diagnostics;
using Gantry.Store.Contract.Linearizability;

namespace Gantry.Store.Etcd.Tests;

/// <summary>Concurrent clients of two stores on one etcd that is killed and started again; a checker has the last word.</summary>
public sealed class EtcdTrialTests
{
    private const int Epochs = 3;
    private static readonly TimeSpan s_epoch = TimeSpan.FromSeconds(2);

    [Fact]
    public async Task History_OfTwoStoresThroughKillsOfEtcd_IsLinearizable()
    {
        var seed = Random.Shared.Next(1_000_000);
        using var etcd = new EtcdServer();
        var options = etcd.NewStore();
        var random = new Random(seed);
        var trial = new StoreTrial(seed);
        for (var epoch = 0; epoch < Epochs; epoch++)
        {
            var store = new AlternatingStore(await EtcdStore.OpenAsync(options), await EtcdStore.OpenAsync(options));
            var began = Stopwatch.GetTimestamp();
            var moment = s_epoch * (0.2 + (random.NextDouble() * 0.4));
            var killing = Task.Run(async () =>
            {
                await Task.Delay(moment);
                etcd.Kill();
                etcd.Start();
            });
            await trial.RunEpochAsync(store, () => Stopwatch.GetElapsedTime(began) > s_epoch, async () =>
            {
                await killing;
                await store.DisposeAsync();
            });
        }

        await using var last = await EtcdStore.OpenAsync(options);
        var wrong = await trial.JudgeAsync(last);

        Assert.True(wrong is null, $"seed {seed}: {wrong}");
        Assert.True(trial.Count > 100, $"only {trial.Count} operations were recorded");
    }
}
