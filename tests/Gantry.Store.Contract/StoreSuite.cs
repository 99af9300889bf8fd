using System.Text;
using Gantry.Faults;

namespace Gantry.Store.Contract;

/// <summary>What the suites share: one store a test, opened before it and deleted after it.</summary>
public abstract class StoreSuite : IAsyncLifetime
{
    private IStore? _store;

    /// <summary>The store under test.</summary>
    protected IStore Store => _store!;

    /// <inheritdoc/>
    public async Task InitializeAsync() => _store = await OpenAsync();

    /// <inheritdoc/>
    public async Task DisposeAsync()
    {
        if (_store is not null)
        {
            await _store.DisposeAsync();
        }

        await DeleteAsync();
    }

    /// <summary>How many revisions a compaction takes: 1 where it is recorded in the revisioned store itself.</summary>
    protected virtual int OwnRevisions => 0;

    /// <summary>Opens the store; called again to open the same data after it was closed.</summary>
    protected abstract ValueTask<IStore> OpenAsync();

    /// <summary>Deletes the data.</summary>
    protected abstract ValueTask DeleteAsync();

    /// <summary>Closes the store and opens the same data again.</summary>
    protected async Task ReopenAsync()
    {
        await Store.DisposeAsync();
        _store = await OpenAsync();
    }

    /// <summary>Writes one key without expectation.</summary>
    protected ValueTask<StoreCommit> Put(string key, string value) => Store.CommitAsync([new(key, Bytes(value))]);

    /// <summary>Deletes one key without expectation.</summary>
    protected ValueTask<StoreCommit> Remove(string key) => Store.CommitAsync([new(key, null)]);

    /// <summary>Runs what must fail and gives the kind of the failure.</summary>
    protected static async Task<FaultKind> KindOf(Func<ValueTask> action) =>
        (await Assert.ThrowsAnyAsync<FaultException>(async () => await action())).Kind;

    /// <summary>Waits for a condition, ten seconds at most.</summary>
    protected static async Task WaitForAsync(Func<bool> condition)
    {
        for (var i = 0; !condition(); i++)
        {
            Assert.True(i < 1000, "the condition did not come true within 10 s");
            await Task.Delay(10);
        }
    }

    /// <summary>UTF-8 bytes of a text.</summary>
    protected static ReadOnlyMemory<byte> Bytes(string text) => Encoding.UTF8.GetBytes(text);

    /// <summary>The text of UTF-8 bytes; "null" for none.</summary>
    protected static string Text(ReadOnlyMemory<byte>? bytes) => bytes is { } value ? Encoding.UTF8.GetString(value.Span) : "null";

    /// <summary>A page as text: KEY=VALUE, in order.</summary>
    protected static string Render(StorePage page) => Render(page.Entries.Select(entry => KeyValuePair.Create(entry.Key, Text(entry.Value))));

    /// <summary>Keys and values as text.</summary>
    protected static string Render(IEnumerable<KeyValuePair<string, string>> pairs) => string.Join(' ', pairs.Select(pair => $"{pair.Key}={pair.Value}"));
}
