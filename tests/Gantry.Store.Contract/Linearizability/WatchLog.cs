using System.Text;
using Gantry.Faults;

namespace Gantry.Store.Contract.Linearizability;

/// <summary>
/// What one watcher was sent, over all its connections: it comes back after the store was closed or killed, from where it had got to, and
/// then must be sent the rest.
/// </summary>
public sealed class WatchLog(string prefix)
{
    private readonly List<(string Key, long Revision, string? Value, string? Previous)> _events = [];
    private long _reached;

    /// <summary>The revision up to which it has seen everything.</summary>
    public long Reached => Volatile.Read(ref _reached);

    /// <summary>The revision after which it will watch the next time; 0 before it has seen anything.</summary>
    public long ResumesAfter => _events.Count > 0 ? _events[^1].Revision - 1 : 0;

    /// <summary>Watches until the store ends or the caller says so. When it was too slow, and told so, it comes back.</summary>
    public async Task RunAsync(IStore store, CancellationToken stop)
    {
        while (await WatchAsync(store, stop))
        {
        }
    }

    private async Task<bool> WatchAsync(IStore store, CancellationToken stop)
    {
        // The last revision may have been cut in the middle, so it is asked for again, and what was seen of it is expected to come again.
        var last = _events.Count > 0 ? _events[^1].Revision : 0;
        var again = _events.Where(item => item.Revision == last).Select(item => item.Key).ToHashSet();
        try
        {
            await using var watch = await store.WatchAsync(prefix, last > 0 ? ResumesAfter : store.CompactedRevision, stop);
            while (true)
            {
                var progress = watch.Progress;
                if (!watch.Events.TryRead(out var change))
                {
                    Volatile.Write(ref _reached, Math.Max(_reached, progress));
                    if (!await watch.Events.WaitToReadAsync(stop))
                    {
                        return false;
                    }
                }
                else if (change.Revision != last || !again.Remove(change.Key))
                {
                    _events.Add((change.Key, change.Revision, Text(change.Value), Text(change.Previous)));
                }
            }
        }
        catch (OperationCanceledException)
        {
            // The end of an epoch.
            return false;
        }
        catch (FaultException failure) when (failure.Kind is FaultKind.Unavailable or FaultKind.ResourceExhausted)
        {
            return failure.Kind == FaultKind.ResourceExhausted;
        }
    }

    /// <summary>What is wrong with what was sent, given what clients did and what is there at the end; or null.</summary>
    public string? Check(IReadOnlyList<RecordedOperation> history, StorePage end)
    {
        var state = new Dictionary<string, string>();
        var seen = new HashSet<(string, long)>();
        var written = history.SelectMany(operation => operation.Writes.Where(write => write.Value is not null).Select(write => (write.Value, operation)))
            .ToDictionary(pair => pair.Value!, pair => pair.operation);
        var last = 0L;
        foreach (var item in _events)
        {
            if (item.Revision < last || !seen.Add((item.Key, item.Revision)))
            {
                return $"{item} came after revision {last}, or twice";
            }

            last = item.Revision;
            if (item.Previous != state.GetValueOrDefault(item.Key))
            {
                return $"{item} does not follow {state.GetValueOrDefault(item.Key) ?? "nothing"}, which was sent last: an event was lost";
            }

            if (item.Value is not null && (!written.TryGetValue(item.Value, out var write) || write.Outcome is RecordedOutcome.Conflict or RecordedOutcome.Refused))
            {
                return $"{item} was never written";
            }

            if (item.Value is not null && written[item.Value] is { Outcome: RecordedOutcome.Done } done && done.Revision != item.Revision)
            {
                return $"{item} was acknowledged with revision {done.Revision}";
            }

            state.Remove(item.Key);
            if (item.Value is not null)
            {
                state[item.Key] = item.Value;
            }
        }

        foreach (var operation in history.Where(operation => operation.Outcome == RecordedOutcome.Done && operation.Revision <= end.Revision))
        {
            if (operation.Writes.FirstOrDefault(write => write.Value is not null && write.Key.StartsWith(prefix, StringComparison.Ordinal) && !seen.Contains((write.Key, operation.Revision))) is { } lost)
            {
                return $"the watcher never heard of {lost} of {operation}";
            }
        }

        var told = string.Join(' ', state.OrderBy(pair => pair.Key, StringComparer.Ordinal).Select(pair => $"{pair.Key}={pair.Value}"));
        var there = string.Join(' ', end.Entries.Select(entry => $"{entry.Key}={Text(entry.Value)}"));
        return told == there ? null : $"events add up to {told}, the store has {there}";
    }

    private static string? Text(ReadOnlyMemory<byte>? value) => value is { } bytes ? Encoding.UTF8.GetString(bytes.Span) : null;
}
