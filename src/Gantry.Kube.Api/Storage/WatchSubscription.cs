using System.Threading.Channels;
using Gantry.Kube.Api.Requests;
using Gantry.Kube.Api.Resources;

namespace Gantry.Kube.Api.Storage;

/// <summary>One watcher of a <see cref="ResourceCache"/>.</summary>
internal sealed class WatchSubscription : IDisposable
{
    /// <summary>A watcher that falls this many changes behind is closed; its client lists again or resumes.</summary>
    private const int Bound = 8192;

    private readonly ResourceCache _cache;
    private readonly Channel<WatchRecord> _live = Channel.CreateBounded<WatchRecord>(new BoundedChannelOptions(Bound) { SingleReader = true, SingleWriter = true });

    public WatchSubscription(ResourceCache cache, string prefix, long revision, CachedObject[] initial)
    {
        _cache = cache;
        Prefix = prefix;
        Revision = revision;
        Initial = initial;
    }

    public string Prefix { get; }

    /// <summary>The revision of <see cref="Initial"/>, or at which the watch was opened.</summary>
    public long Revision { get; }

    /// <summary>The objects at the start; empty for a watch that resumes.</summary>
    public CachedObject[] Initial { get; }

    /// <summary>Changes between the revision that was asked for and the present; read these first.</summary>
    public List<WatchRecord> Replay { get; } = [];

    /// <summary>Live records at or below this revision were replayed.</summary>
    public long ReplayedUpTo { get; set; }

    /// <summary>Changes as they happen. Completes with an error when the watcher is too slow or the cache ends.</summary>
    public ChannelReader<WatchRecord> Live => _live.Reader;

    /// <summary>A wait for <see cref="Live"/> that is under way.</summary>
    public Task<bool>? Pending { get; set; }

    /// <summary>Every change up to this revision is in <see cref="Live"/>, when read before a TryRead that finds nothing.</summary>
    public long Progress => _cache.Revision;

    public bool Offer(WatchRecord record)
    {
        if (record.Revision <= ReplayedUpTo || _live.Writer.TryWrite(record))
        {
            return true;
        }

        _live.Writer.TryComplete(StatusErrors.TooManyRequests("the watcher is too slow", 1));
        return false;
    }

    public void End(Exception reason) => _live.Writer.TryComplete(reason);

    public void Dispose()
    {
        _cache.Unsubscribe(this);
        _live.Writer.TryComplete();
    }
}
