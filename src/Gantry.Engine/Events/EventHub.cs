using System.Threading.Channels;
using Gantry.Faults;

namespace Gantry.Engine.Events;

/// <summary>
/// What happened, in order, to any number of subscribers. The last <see cref="HistorySize"/> events are kept for subscribers
/// that ask for the past (Docker keeps as many). Thread-safe.
/// </summary>
public sealed class EventHub(TimeProvider time)
{
    private const int HistorySize = 256;
    // A subscriber that is this far behind is closed with ResourceExhausted rather than buffered without limit.
    private const int SubscriberBound = 4096;
    private readonly Lock _lock = new();
    private readonly Queue<EngineEvent> _history = new(HistorySize);
    private readonly HashSet<Channel<EngineEvent>> _subscribers = [];

    /// <summary>Tells everybody.</summary>
    public void Publish(string type, string action, string id, IEnumerable<KeyValuePair<string, string>> attributes)
    {
        lock (_lock)
        {
            EngineEvent happened = new(type, action, id, attributes.ToDictionary(), time.GetUtcNow());
            if (_history.Count == HistorySize)
            {
                _history.Dequeue();
            }

            _history.Enqueue(happened);
            foreach (Channel<EngineEvent> subscriber in _subscribers.ToArray())
            {
                if (!subscriber.Writer.TryWrite(happened))
                {
                    _subscribers.Remove(subscriber);
                    subscriber.Writer.TryComplete(new FaultException(FaultKind.ResourceExhausted, "the event stream's reader was too slow"));
                }
            }
        }
    }

    /// <summary>
    /// Subscribes: the kept events since a time first (null: none), then each new one, without gap or repetition, until
    /// <paramref name="cancellationToken"/> is cancelled (then it ends without a fault).
    /// </summary>
    public async IAsyncEnumerable<EngineEvent> SubscribeAsync(
        DateTimeOffset? since, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        Channel<EngineEvent> channel = Channel.CreateBounded<EngineEvent>(new BoundedChannelOptions(SubscriberBound) { SingleReader = true });
        EngineEvent[] past;
        lock (_lock)
        {
            past = since is null ? [] : [.. _history.Where(happened => happened.Time >= since)];
            _subscribers.Add(channel);
        }

        using CancellationTokenRegistration end = cancellationToken.Register(() => channel.Writer.TryComplete());
        try
        {
            foreach (EngineEvent happened in past)
            {
                yield return happened;
            }

            await foreach (EngineEvent happened in channel.Reader.ReadAllAsync(CancellationToken.None).ConfigureAwait(false))
            {
                yield return happened;
            }
        }
        finally
        {
            lock (_lock)
            {
                _subscribers.Remove(channel);
            }
        }
    }

    /// <summary>The kept events of a span.</summary>
    public IReadOnlyList<EngineEvent> Past(DateTimeOffset since)
    {
        lock (_lock)
        {
            return [.. _history.Where(happened => happened.Time >= since)];
        }
    }
}
