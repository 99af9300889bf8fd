using Gantry.Faults;
using Gantry.Store.Contract;
using Gantry.Store.Sqlite;

namespace Gantry.Store.Tests;

public sealed class SqliteHistoryTests : StoreHistoryContractTests
{
    private readonly string _directory = Directory.CreateTempSubdirectory("gantry-store-").FullName;

    [Fact]
    public async Task History_BeyondItsBytes_IsForgottenOldestFirst_ButNotWhatASnapshotNeeds()
    {
        var path = Path.Combine(_directory, "bounded.db");
        var options = new SqliteStoreOptions(path) { WindowCommits = 100, WindowAge = TimeSpan.Zero, HistoryBytes = 2 << 20 };
        await using var store = SqliteStore.Open(options);
        await store.CommitAsync([new("/kept", Bytes("then")), new("/gone", Bytes("then"))]);
        var snapshot = await store.CreateSnapshotAsync("then");
        await store.CommitAsync([new("/kept", Bytes("now")), new("/gone", null)]);
        var value = new byte[2000];
        for (var i = 0; i < 4000; i++)
        {
            await store.CommitAsync([new($"/hot/{i % 10}", value)]);
        }

        await store.CompactAsync(store.Revision);
        await WaitAsync(() => new FileInfo(options.HistoryPath).Length < 8 << 20);
        await WaitForAsync(async () => (await store.GetSpanAsync()).OldestRevision > 2000);

        // Forgetting goes on in small steps until the bound is kept, so the oldest revision may be forgotten while it is being read.
        StoreHistorySpan? span = null;
        await WaitForAsync(async () =>
        {
            span = await store.GetSpanAsync();
            try
            {
                return (await store.RangeAtAsync(new StoreRange("/hot/", Revision: span.OldestRevision))).Entries.Count == 10;
            }
            catch (FaultException forgotten) when (forgotten.Kind == FaultKind.Expired)
            {
                return false;
            }
        });
        Assert.Equal(FaultKind.Expired, await KindOf(async () => await store.RangeAtAsync(new StoreRange("/", Revision: span!.OldestRevision - 1))));
        Assert.Equal("/gone=then /kept=then", Render(await store.RangeAtAsync(new StoreRange("/", Revision: snapshot.Revision))));

        await store.DeleteSnapshotAsync("then");
        Assert.Equal(FaultKind.Expired, await KindOf(async () => await store.RangeAtAsync(new StoreRange("/", Revision: snapshot.Revision))));
        await WaitForAsync(async () => (await store.GetVersionsAsync("/gone")).Count == 0);
    }

    [Fact]
    public async Task History_OlderThanItsSpan_IsForgotten()
    {
        var clock = new ManualClock();
        var options = new SqliteStoreOptions(Path.Combine(_directory, "aged.db")) { TimeProvider = clock, WindowAge = TimeSpan.Zero, HistorySpan = TimeSpan.FromHours(1) };
        await using (var store = SqliteStore.Open(options))
        {
            var first = (await store.CommitAsync([new("/a", Bytes("1"))])).Revision;
            clock.Advance(TimeSpan.FromMinutes(50));
            var second = (await store.CommitAsync([new("/a", Bytes("2"))])).Revision;
            clock.Advance(TimeSpan.FromMinutes(50));
            var third = (await store.CommitAsync([new("/a", Bytes("3"))])).Revision;
            await store.CompactAsync(third);
            // The state of an hour ago is the first one's.
            Assert.Equal("/a=1", Render(await store.RangeAtAsync(new StoreRange("/", Revision: first))));
            clock.Advance(TimeSpan.FromMinutes(50));
            await store.CommitAsync([new("/a", Bytes("4"))]);
            await store.CompactAsync(store.Revision);
            await WaitForAsync(async () => (await store.GetSpanAsync()).OldestRevision == second);

            Assert.Equal(["4", "3", "2"], (await store.GetVersionsAsync("/a")).Select(version => Text(version.Value)));
            Assert.Equal(FaultKind.Expired, await KindOf(async () => await store.RangeAtAsync(new StoreRange("/", Revision: first))));
            Assert.Equal(FaultKind.Expired, await KindOf(async () => await store.RevisionAtAsync(clock.GetUtcNow().AddHours(-2))));
            Assert.Equal(second, await store.RevisionAtAsync(clock.GetUtcNow().AddHours(-1)));
        }
    }

    [Fact]
    public async Task Open_WithoutHistory_SaysSoToThoseWhoAsk()
    {
        await using var store = SqliteStore.Open(new SqliteStoreOptions(Path.Combine(_directory, "none.db")) { HistorySpan = TimeSpan.Zero });

        Assert.Equal(FaultKind.FailedPrecondition, await KindOf(async () => await store.GetSpanAsync()));
    }

    [Fact]
    public async Task Open_AfterUseWithoutHistory_BeginsTheHistoryAnew()
    {
        var options = new SqliteStoreOptions(Path.Combine(_directory, "gap.db")) { WindowCommits = 10, WindowAge = TimeSpan.Zero };
        await using (var store = SqliteStore.Open(options))
        {
            await store.CommitAsync([new("/a", Bytes("1"))]);
            await store.CreateSnapshotAsync("old");
        }

        await using (var store = SqliteStore.Open(options with { HistorySpan = TimeSpan.Zero }))
        {
            for (var i = 0; i < 200; i++)
            {
                await store.CommitAsync([new("/a", Bytes($"without {i}"))]);
            }
        }

        await using (var store = SqliteStore.Open(options))
        {
            Assert.Empty(await store.ListSnapshotsAsync());
            var oldest = (await store.GetSpanAsync()).OldestRevision;
            Assert.True(oldest > 100, $"oldest {oldest}");
            Assert.Single((await store.RangeAtAsync(new StoreRange("/", Revision: oldest))).Entries);
        }
    }

    [Fact]
    public async Task Open_HistoryOfAnotherStore_IsRefused()
    {
        var one = new SqliteStoreOptions(Path.Combine(_directory, "one.db"));
        var two = new SqliteStoreOptions(Path.Combine(_directory, "two.db"));
        await SqliteStore.Open(one).DisposeAsync();
        await SqliteStore.Open(two).DisposeAsync();
        File.Copy(one.HistoryPath, two.HistoryPath, overwrite: true);

        var fault = Assert.ThrowsAny<FaultException>(() => SqliteStore.Open(two));

        Assert.Equal(FaultKind.FailedPrecondition, fault.Kind);
        Assert.Contains("another store", fault.Message, StringComparison.Ordinal);
    }

    protected override ValueTask<IStore> OpenAsync() =>
        ValueTask.FromResult<IStore>(SqliteStore.Open(new SqliteStoreOptions(Path.Combine(_directory, "state.db"))));

    protected override ValueTask DeleteAsync()
    {
        Directory.Delete(_directory, recursive: true);
        return ValueTask.CompletedTask;
    }

    private static Task WaitAsync(Func<bool> condition) => WaitForAsync(() => Task.FromResult(condition()));

    private static async Task WaitForAsync(Func<Task<bool>> condition)
    {
        var deadline = DateTime.UtcNow.AddSeconds(60);
        while (!await condition())
        {
            Assert.True(DateTime.UtcNow < deadline, "the condition did not come true within 60 s");
            await Task.Delay(20);
        }
    }
}
