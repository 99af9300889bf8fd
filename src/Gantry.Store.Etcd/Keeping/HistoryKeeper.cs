using Gantry.Faults;

namespace Gantry.Store.Etcd.Keeping;

/// <summary>
/// Closes the window of reads and watches behind the present, and trims history: what is older than the configured age, and
/// more when etcd's database has grown too large. Every process on the same etcd does this; whoever comes second finds it done.
/// </summary>
internal sealed class HistoryKeeper : IAsyncDisposable
{
    /// <summary>Kubernetes' window, in which watches resume and lists continue. It stays, whatever the size.</summary>
    private static readonly TimeSpan s_window = TimeSpan.FromMinutes(5);

    private readonly EtcdStore _store;
    private readonly EtcdStoreOptions _options;
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _running;
    private volatile string? _failure;

    public HistoryKeeper(EtcdStore store, EtcdStoreOptions options)
    {
        _store = store;
        _options = options;
        _running = Task.Run(RunAsync);
    }

    /// <summary>Why the last attempt failed, or null.</summary>
    public string? Failure => _failure;

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync().ConfigureAwait(false);
        await _running.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _stop.Dispose();
    }

    private async Task RunAsync()
    {
        using var timer = new PeriodicTimer(_options.CompactionInterval, _options.TimeProvider);
        while (await timer.WaitForNextTickAsync(_stop.Token).ConfigureAwait(false))
        {
            try
            {
                await TrimAsync(_stop.Token).ConfigureAwait(false);
                _failure = null;
            }
            catch (FaultException e)
            {
                _failure = e.Message;
            }
        }
    }

    private async Task TrimAsync(CancellationToken cancellationToken)
    {
        await _store.LearnOldestAsync(cancellationToken).ConfigureAwait(false);
        var now = _options.TimeProvider.GetUtcNow();
        var window = await RevisionOrZeroAsync(now - s_window, cancellationToken).ConfigureAwait(false);
        await _store.CompactAsync(window, cancellationToken).ConfigureAwait(false);
        var oldest = _store.OldestRevision;
        var target = await RevisionOrZeroAsync(now - _options.HistoryAge, cancellationToken).ConfigureAwait(false);
        var used = await _store.UsedBytesAsync(cancellationToken).ConfigureAwait(false);
        if (used > _options.HistoryBytes)
        {
            // Sizes of single revisions are not to be had: half of them goes, and half of the rest the next time.
            var newest = await _store.ReadRevisionAsync(cancellationToken).ConfigureAwait(false);
            target = Math.Max(target, oldest + ((newest - oldest) / 2));
        }

        await _store.CompactWithinSnapshotsAsync(Math.Min(target, window), cancellationToken).ConfigureAwait(false);
    }

    private async ValueTask<long> RevisionOrZeroAsync(DateTimeOffset time, CancellationToken cancellationToken)
    {
        try
        {
            return await _store.RevisionAtAsync(time, cancellationToken).ConfigureAwait(false);
        }
        catch (FaultException e) when (e.Kind == FaultKind.Expired)
        {
            return 0;
        }
    }
}
