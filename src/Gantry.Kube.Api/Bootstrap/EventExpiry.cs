using Gantry.Faults;
using Gantry.Kube.Api.Json;
using Gantry.Kube.Api.Requests;
using Gantry.Kube.Model;
using Gantry.Store;

namespace Gantry.Kube.Api.Bootstrap;

/// <summary>Deletes events that have not been touched for their lifetime, as upstream's leases on them do.</summary>
internal sealed class EventExpiry(ServerCore core) : IAsyncDisposable
{
    private static readonly TimeSpan Interval = TimeSpan.FromMinutes(5);

    private readonly CancellationTokenSource _stop = new();
    private Task _loop = Task.CompletedTask;

    public void Start()
    {
        if (_loop.IsCompleted)
        {
            _loop = Task.Run(LoopAsync);
        }
    }

    /// <summary>Deletes what has expired by now.</summary>
    public async Task SweepAsync(CancellationToken cancellationToken)
    {
        var limit = core.Time.GetUtcNow() - core.Options.EventLifetime;
        var events = core.Registry.Core("events");
        var page = await core.Store.RangeAsync(new StoreRange(events.Prefix), cancellationToken).ConfigureAwait(false);
        var expired = page.Entries.Where(e => LastSeen(e) < limit).Select(static e => new StoreOperation(e.Key, null, e.ModRevision)).ToList();
        foreach (var operation in expired)
        {
            // One at a time: an event that was written since keeps the others from nothing.
            await core.Store.CommitAsync([operation], cancellationToken).ConfigureAwait(false);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync().ConfigureAwait(false);
        await _loop.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _stop.Dispose();
    }

    private static DateTimeOffset LastSeen(StoreEntry entry)
    {
        var tree = JsonTree.ParseMap(entry.Value.Span);
        var latest = DateTimeOffset.MinValue;
        foreach (var text in (string?[])[tree.Map("series")?.Text("lastObservedTime"), tree.Text("lastTimestamp"), tree.Text("eventTime"), tree.Map("metadata")?.Text("creationTimestamp")])
        {
            if (text is not null && KubeTime.TryParse(text, out var time) && time > latest)
            {
                latest = time;
            }
        }

        return latest;
    }

    private async Task LoopAsync()
    {
        using var timer = new PeriodicTimer(Interval, core.Time);
        while (await timer.WaitForNextTickAsync(_stop.Token).ConfigureAwait(false))
        {
            try
            {
                await SweepAsync(_stop.Token).ConfigureAwait(false);
            }
            catch (FaultException e) when (e.Kind is FaultKind.Unavailable or FaultKind.Expired or FaultKind.ResourceExhausted)
            {
                // The store is busy or closing: the next sweep takes what this one left.
            }
        }
    }
}
