using Gantry.Bench.Instances;
using Gantry.Bench.Results;
using Gantry.Bench.Stores;
using Gantry.Store.Sqlite;

namespace Gantry.Bench.Measurements;

/// <summary>Puts of 2 kB by 1, 32 and 256 writers: the embedded store in this process, with its history, and etcd beside it, in turn.</summary>
internal static class StoreWriteMeasurement
{
    private const int Rounds = 3;

    // How many times etcd's rate the store is to reach.
    private static readonly (int Writers, double AtLeast)[] s_targets = [(1, 1.5), (32, 2), (256, 2)];

    public static async Task<IReadOnlyList<Metric>> RunAsync()
    {
        var metrics = new List<Metric>();
        foreach (var (writers, atLeast) in s_targets)
        {
            List<(double PerSecond, double P99Ms)> ours = [], theirs = [];
            for (var round = 0; round < Rounds; round++)
            {
                ours.Add(await OursAsync(writers));
                if (await TheirsAsync(writers) is { } peer)
                {
                    theirs.Add(peer);
                }
            }

            metrics.Add(new Metric($"store_puts_{writers}", "puts/s", [.. ours.Select(run => run.PerSecond)])
            {
                Peer = "etcd",
                PeerValues = [.. theirs.Select(run => run.PerSecond)],
                RatioAtLeast = atLeast,
                Note = "2 kB, synced before the answer; the writers share the machine with the store",
            });
            metrics.Add(new Metric($"store_puts_{writers}_p99", "ms", [.. ours.Select(run => run.P99Ms)])
            {
                Peer = "etcd",
                PeerValues = [.. theirs.Select(run => run.P99Ms)],
                RatioTarget = 1,
            });
        }

        return metrics;
    }

    private static async Task<(double, double)> OursAsync(int writers)
    {
        using var directory = new ScratchDirectory();
        await using var store = SqliteStore.Open(new SqliteStoreOptions(Path.Combine(directory.Path, "cluster.db")));
        return await PutLoad.RunAsync(async (key, value) => await store.CommitAsync([new(key, value)]), writers);
    }

    private static async Task<(double, double)?> TheirsAsync(int writers)
    {
        using var directory = new ScratchDirectory();
        await using var etcd = await EtcdPeer.OpenAsync(Path.Combine(directory.Path, "etcd"));
        return etcd is null ? null : await PutLoad.RunAsync(etcd.PutAsync, writers);
    }
}
