using System.Text;
using Gantry.Faults;

namespace Gantry.Store.Contract.Linearizability;

/// <summary>
/// One client of a store under test: random reads, writes, conditional writes, deletions and commits of several keys, each recorded. The choices come from a seed;
/// what runs beside what is the scheduler's.
/// </summary>
public sealed class WorkloadClient(HistoryRecorder recorder, int client, Random random)
{
    /// <summary>The prefix of all keys that clients use.</summary>
    public const string Prefix = "/lin/";

    private const int Groups = 6;
    private const int KeysPerGroup = 3;
    private readonly Dictionary<string, (string? Value, long Revision)> _known = [];
    private int _values;

    /// <summary>Works until told to stop. Failures are recorded as what they say.</summary>
    public async Task RunAsync(IStore store, Func<bool> isOver)
    {
        while (!isOver())
        {
            var group = random.Next(Groups);
            await (random.Next(10) switch
            {
                0 or 1 => GetAsync(store, Key(group, random.Next(KeysPerGroup))),
                2 => RangeAsync(store, group),
                3 or 4 => CommitAsync(store, [(Key(group, random.Next(KeysPerGroup)), NextValue(), false)]),
                5 => CommitAsync(store, [(Key(group, random.Next(KeysPerGroup)), null, random.Next(2) == 0)]),
                6 => CommitAsync(store, [.. Enumerable.Range(0, 2).Select(key => (Key(group, key), (string?)NextValue(), random.Next(3) == 0))]),
                _ => ChangeAsync(store, Key(group, random.Next(KeysPerGroup))),
            });
        }
    }

    /// <summary>Reads everything once, so that the end of the history is known.</summary>
    public async Task ReadAllAsync(IStore store)
    {
        for (var group = 0; group < Groups; group++)
        {
            await RangeAsync(store, group);
        }
    }

    private static string Key(int group, int key) => $"{Prefix}g{group}/k{key}";

    private static string? Text(StoreEntry? entry) => entry is null ? null : Encoding.UTF8.GetString(entry.Value.Span);

    private string NextValue() => $"c{client}-{_values++}";

    private async Task ChangeAsync(IStore store, string key)
    {
        await GetAsync(store, key);
        await CommitAsync(store, [(key, NextValue(), true)]);
    }

    private async Task GetAsync(IStore store, string key)
    {
        var record = recorder.Add(new RecordedOperation { Called = recorder.Now(), Reads = [key] });
        if (await TryAsync(record, () => store.GetAsync(key)) is { Done: true } answer)
        {
            record.Found = [Text(answer.Value)];
            _known[key] = (Text(answer.Value), answer.Value?.ModRevision ?? 0);
            End(record, RecordedOutcome.Done);
        }
    }

    private async Task RangeAsync(IStore store, int group)
    {
        string[] keys = [.. Enumerable.Range(0, KeysPerGroup).Select(key => Key(group, key))];
        var record = recorder.Add(new RecordedOperation { Called = recorder.Now(), Reads = keys });
        if (await TryAsync(record, () => store.RangeAsync(new StoreRange($"{Prefix}g{group}/"))) is { Done: true } answer)
        {
            var entries = answer.Value!.Entries.ToDictionary(entry => entry.Key);
            record.Found = [.. keys.Select(key => Text(entries.GetValueOrDefault(key)))];
            record.Revision = answer.Value.Revision;
            foreach (var key in keys)
            {
                _known[key] = (Text(entries.GetValueOrDefault(key)), entries.GetValueOrDefault(key)?.ModRevision ?? 0);
            }

            End(record, RecordedOutcome.Done);
        }
    }

    private async Task CommitAsync(IStore store, IReadOnlyList<(string Key, string? Value, bool Conditional)> writes)
    {
        var record = recorder.Add(new RecordedOperation
        {
            Called = recorder.Now(),
            Writes = [.. writes.Select(write => new Write(write.Key, write.Value, write.Conditional && _known.TryGetValue(write.Key, out var known) ? known.Value ?? Write.Absent : null))],
        });
        var operations = writes.Select(write => new StoreOperation(
            write.Key,
            write.Value is { } value ? Encoding.UTF8.GetBytes(value) : default(ReadOnlyMemory<byte>?),
            write.Conditional && _known.TryGetValue(write.Key, out var known) ? known.Revision : null)).ToList();
        if (await TryAsync(record, () => store.CommitAsync(operations)) is not { Done: true, Value: { } commit })
        {
            return;
        }

        record.Revision = commit.Succeeded ? commit.Revision : 0;
        record.FailedWrite = commit.FailedOperation;
        record.Present = Text(commit.Present);
        foreach (var write in writes.Where(_ => commit.Succeeded))
        {
            _known[write.Key] = (write.Value, write.Value is null ? 0 : commit.Revision);
        }

        End(record, commit.Succeeded ? RecordedOutcome.Done : RecordedOutcome.Conflict);
    }

    private async Task<(bool Done, T? Value)> TryAsync<T>(RecordedOperation record, Func<ValueTask<T>> ask)
    {
        try
        {
            return (true, await ask());
        }
        catch (FaultException failure)
        {
            // Only these promise that nothing was done; believing more would hide a lie, believing less would never find one.
            if (failure.Kind == FaultKind.ResourceExhausted || failure.Message.StartsWith("nothing was written", StringComparison.Ordinal)
                || failure.Message.StartsWith("writes are refused", StringComparison.Ordinal) || failure.Message == "the store is closed")
            {
                End(record, RecordedOutcome.Refused);
            }

            await Task.Delay(1);
            return (false, default);
        }
    }

    private void End(RecordedOperation record, RecordedOutcome outcome)
    {
        record.Outcome = outcome;
        record.Returned = recorder.Now();
    }
}
