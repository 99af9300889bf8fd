using System.Threading.Channels;
using Gantry.Faults;

namespace Gantry.Store.Watch;

/// <summary>One watcher's queue. The hub writes, the watcher reads.</summary>
internal sealed class StoreWatch : IStoreWatch
{
    private readonly WatchHub _hub;
    private readonly Channel<StoreEvent> _channel;
    private readonly int _limit;

    // What this watch has when it is closed: the hub goes on without it. -1 while it is open.
    private long _closedAt = -1;

    public StoreWatch(WatchHub hub, string prefix, IReadOnlyList<StoreEvent> backlog)
    {
        _hub = hub;
        Prefix = prefix;
        // The backlog is bounded by the history window; beyond it, a watcher may lag by this many events before it is
        // closed, so that one slow reader cannot hold the store's memory.
        _limit = backlog.Count + WatchHub.MaxPendingEvents;
        // Not SingleReader: that implementation cannot count, and the count is the bound.
        _channel = Channel.CreateUnbounded<StoreEvent>(new UnboundedChannelOptions { SingleWriter = true });
        foreach (var item in backlog)
        {
            _channel.Writer.TryWrite(item);
        }
    }

    public string Prefix { get; }

    public ChannelReader<StoreEvent> Events => _channel.Reader;

    public long Progress
    {
        get
        {
            // In this order: the hub closes a watch before it counts the revision that the watch did not get.
            var dispatched = _hub.DispatchedRevision;
            return Interlocked.Read(ref _closedAt) is >= 0 and var closedAt ? closedAt : dispatched;
        }
    }

    /// <summary>Queues an event; false when the watcher is too slow and has been closed.</summary>
    public bool TryWrite(StoreEvent item)
    {
        if (_channel.Reader.Count >= _limit)
        {
            Close(new FaultException(FaultKind.ResourceExhausted, $"the watch of {Prefix} fell {_limit} events behind and was closed"));
            return false;
        }

        return _channel.Writer.TryWrite(item);
    }

    public void Close(Exception? reason)
    {
        Interlocked.CompareExchange(ref _closedAt, _hub.DispatchedRevision, -1);
        _channel.Writer.TryComplete(reason);
    }

    public ValueTask DisposeAsync()
    {
        _hub.Remove(this);
        Close(null);
        return ValueTask.CompletedTask;
    }
}
