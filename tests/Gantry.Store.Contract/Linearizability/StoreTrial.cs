namespace Gantry.Store.Contract.Linearizability;

/// <summary>
/// A store put to the test: clients and watchers in epochs, each of which ends with the store being closed or killed, and at last the verdict.
/// </summary>
public sealed class StoreTrial
{
    // A store that leaves a client without an answer is wrong, too.
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(60);

    private readonly HistoryRecorder _recorder = new();
    private readonly List<WorkloadClient> _clients;
    private readonly List<WatchLog> _watches = [new(WorkloadClient.Prefix), new(WorkloadClient.Prefix + "g1/")];

    /// <summary>Makes clients whose choices come from the seed.</summary>
    public StoreTrial(int seed, int clients = 8) =>
        _clients = [.. Enumerable.Range(0, clients).Select(number => new WorkloadClient(_recorder, number, new Random((seed * 1000) + number)))];

    /// <summary>How many operations were recorded.</summary>
    public int Count => _recorder.Count;

    /// <summary>The revision up to which every watcher has seen everything: a store may be compacted to it between two epochs.</summary>
    public long WatchedRevision => _watches.Min(watch => watch.ResumesAfter);

    /// <summary>
    /// Lets all work on a store until <paramref name="isOver"/>; then <paramref name="end"/> closes or kills it. Gives when all have
    /// noticed.
    /// </summary>
    public async Task RunEpochAsync(IStore store, Func<bool> isOver, Func<Task> end)
    {
        using var stop = new CancellationTokenSource();
        var watchers = _watches.Select(watch => Task.Run(() => watch.RunAsync(store, stop.Token))).ToList();
        await Task.WhenAll(_clients.Select(client => Task.Run(() => client.RunAsync(store, isOver)))).WaitAsync(s_patience);
        await end().WaitAsync(s_patience);
        await stop.CancelAsync();
        await Task.WhenAll(watchers);
        _recorder.EndEpoch();
    }

    /// <summary>Reads all once more from a store that works, waits for the watchers, and says what is wrong, or null.</summary>
    public async Task<string?> JudgeAsync(IStore store)
    {
        await _clients[0].ReadAllAsync(store);
        var end = await store.RangeAsync(new StoreRange(WorkloadClient.Prefix));
        using var stop = new CancellationTokenSource();
        var watchers = _watches.Select(watch => Task.Run(() => watch.RunAsync(store, stop.Token))).ToList();
        // A watcher that does not get there within its time is judged by what it has, which then lacks something.
        await Task.WhenAll(_watches.Select(watch => WaitForAsync(watch, end.Revision)));
        await stop.CancelAsync();
        await Task.WhenAll(watchers);
        var history = _recorder.Operations;
        if (_watches[0].Check(history, end) is { } all)
        {
            return all;
        }

        var part = await store.RangeAsync(new StoreRange(WorkloadClient.Prefix + "g1/"));
        return _watches[1].Check(history, part) ?? LinearizabilityChecker.Check(history);
    }

    private static async Task WaitForAsync(WatchLog watch, long revision)
    {
        for (var deadline = DateTime.UtcNow.AddSeconds(20); watch.Reached < revision && DateTime.UtcNow < deadline;)
        {
            await Task.Delay(5);
        }
    }
}
