using Gantry.Faults;

namespace Gantry.Store.Contract;

/// <summary>What every store with a memory promises (see <see cref="IStoreHistory"/>). One subclass an implementation.</summary>
public abstract class StoreHistoryContractTests : StoreSuite
{
    private IStoreHistory History => HistoryOf(Store);

    [Fact]
    public async Task RangeAt_RevisionThatTheWindowForgot_ShowsThePast()
    {
        await Put("/h/a", "1");
        var then = (await Put("/h/b", "1")).Revision;
        await Put("/h/a", "2");
        var last = (await Remove("/h/b")).Revision;
        await Store.CompactAsync(last);

        Assert.Equal(FaultKind.Expired, await KindOf(async () => await Store.RangeAsync(new StoreRange("/h/", Revision: then))));
        var page = await History.RangeAtAsync(new StoreRange("/h/", Revision: then));

        Assert.Equal("/h/a=1 /h/b=1", Render(page));
        Assert.Equal(then, page.Revision);
        Assert.Equal("/h/a=2", Render(await History.RangeAtAsync(new StoreRange("/h/", Revision: last))));
        Assert.Equal(last, Store.CompactedRevision);
    }

    [Fact]
    public async Task RangeAt_EntryOfThePast_HasItsRevisions()
    {
        var created = (await Put("/h/a", "1")).Revision;
        var changed = (await Put("/h/a", "2")).Revision;
        await Put("/h/a", "3");
        await Store.CompactAsync(Store.Revision);

        var entry = Assert.Single((await History.RangeAtAsync(new StoreRange("/h/a", Revision: changed))).Entries);

        Assert.Equal((created, changed, "2"), (entry.CreateRevision, entry.ModRevision, Text(entry.Value)));
    }

    [Fact]
    public async Task RangeAt_Pages_ContinueAtTheSameRevision()
    {
        foreach (var key in new[] { "/p/b", "/p/a", "/q/a", "/p/c", "/p" })
        {
            await Put(key, "old");
        }

        var then = Store.Revision;
        foreach (var key in new[] { "/p/a", "/p/b", "/p/bb" })
        {
            await Put(key, "new");
        }

        await Remove("/p/c");
        await Store.CompactAsync(Store.Revision);

        var first = await History.RangeAtAsync(new StoreRange("/p/", Limit: 2, Revision: then));
        var second = await History.RangeAtAsync(new StoreRange("/p/", After: first.Entries[^1].Key, Limit: 2, Revision: first.Revision));

        Assert.Equal("/p/a=old /p/b=old", Render(first));
        Assert.Equal((true, 1L), (first.More, first.Remaining));
        Assert.Equal("/p/c=old", Render(second));
        Assert.False(second.More);
    }

    [Fact]
    public async Task RangeAt_NoRevision_IsThePresent()
    {
        await Put("/h/a", "1");

        var page = await History.RangeAtAsync(new StoreRange("/h/"));

        Assert.Equal(("/h/a=1", Store.Revision), (Render(page), page.Revision));
    }

    [Fact]
    public async Task RangeAt_RevisionOutsideTheSpan_IsRefused()
    {
        await Put("/h/a", "1");
        var oldest = (await History.GetSpanAsync()).OldestRevision;

        Assert.Equal(FaultKind.InvalidArgument, await KindOf(async () => await History.RangeAtAsync(new StoreRange("/", Revision: Store.Revision + 1))));
        if (oldest > 1)
        {
            Assert.Equal(FaultKind.Expired, await KindOf(async () => await History.RangeAtAsync(new StoreRange("/", Revision: oldest - 1))));
        }
    }

    [Fact]
    public async Task GetVersions_ChangedDeletedAndCreatedAgain_ListsAllNewestFirst()
    {
        var first = (await Put("/h/a", "1")).Revision;
        var second = (await Put("/h/a", "2")).Revision;
        await Put("/h/other", "x");
        var third = (await Remove("/h/a")).Revision;
        await Store.CompactAsync(Store.Revision);
        var fourth = (await Put("/h/a", "3")).Revision;

        var versions = await History.GetVersionsAsync("/h/a");

        Assert.Equal(
            [(fourth, "3", fourth), (third, "null", first), (second, "2", first), (first, "1", first)],
            versions.Select(version => (version.Revision, Text(version.Value), version.CreateRevision)));
        Assert.Equal([fourth, third], (await History.GetVersionsAsync("/h/a", limit: 2)).Select(version => version.Revision));
        Assert.Empty(await History.GetVersionsAsync("/h/none"));
        Assert.Empty(await History.GetVersionsAsync("/h/"));
    }

    [Fact]
    public async Task Times_OfVersions_AreThoseOfTheirCommits()
    {
        var before = await TimePassesAsync();
        await Put("/h/a", "1");
        var between = await TimePassesAsync();
        await Put("/h/a", "2");
        var after = await TimePassesAsync();

        var versions = await History.GetVersionsAsync("/h/a");

        Assert.InRange(versions[1].Time, before, between);
        Assert.InRange(versions[0].Time, between, after);
    }

    [Fact]
    public async Task RevisionAt_Time_IsTheNewestThatWasCommittedBefore()
    {
        var first = (await Put("/h/a", "1")).Revision;
        var afterFirst = await TimePassesAsync();
        var second = (await Put("/h/b", "1")).Revision;
        var afterSecond = await TimePassesAsync();
        var third = (await Put("/h/a", "2")).Revision;

        Assert.Equal(first, await History.RevisionAtAsync(afterFirst));
        Assert.Equal(second, await History.RevisionAtAsync(afterSecond));
        Assert.Equal(third, await History.RevisionAtAsync(DateTimeOffset.UtcNow.AddDays(1)));
        await Store.CompactAsync(third);
        Assert.Equal(first, await History.RevisionAtAsync(afterFirst));
        Assert.Equal(second, await History.RevisionAtAsync(afterSecond));
    }

    [Fact]
    public async Task RevisionAt_BeforeEverything_IsExpired()
    {
        await Put("/h/a", "1");
        var span = await History.GetSpanAsync();

        Assert.Equal(FaultKind.Expired, await KindOf(async () => await History.RevisionAtAsync(span.OldestTime.AddDays(-1))));
    }

    [Fact]
    public async Task Span_AfterCommits_ReachesFromTheFirstToTheNewest()
    {
        var first = (await Put("/h/a", "1")).Revision;
        for (var i = 0; i < 50; i++)
        {
            await Put("/h/a", $"{i}");
        }

        await Store.CompactAsync(Store.Revision);
        var span = await History.GetSpanAsync();

        Assert.True(span.OldestRevision <= first, $"oldest {span.OldestRevision}, first {first}");
        Assert.Equal(Store.Revision, span.NewestRevision);
        Assert.InRange(span.NewestTime, span.OldestTime, DateTimeOffset.UtcNow.AddSeconds(1));
        Assert.True(span.SizeBytes > 0);
    }

    [Fact]
    public async Task Snapshot_OfThePresent_IsListedAndReadable()
    {
        await Put("/h/a", "1");
        var then = Store.Revision;
        var snapshot = await History.CreateSnapshotAsync("before");
        await Put("/h/a", "2");
        var older = await History.CreateSnapshotAsync("older", then - 1);
        await Store.CompactAsync(Store.Revision);

        Assert.Equal(then, snapshot.Revision);
        Assert.Equal(["older", "before"], (await History.ListSnapshotsAsync()).Select(item => item.Name));
        Assert.Equal("/h/a=1", Render(await History.RangeAtAsync(new StoreRange("/h/", Revision: snapshot.Revision))));
        Assert.Empty((await History.RangeAtAsync(new StoreRange("/h/", Revision: older.Revision))).Entries);
        Assert.InRange(snapshot.CreatedAt, snapshot.Time, DateTimeOffset.UtcNow.AddSeconds(1));
    }

    [Fact]
    public async Task Snapshot_NameTaken_IsRefused()
    {
        await History.CreateSnapshotAsync("one");

        Assert.Equal(FaultKind.AlreadyExists, await KindOf(async () => await History.CreateSnapshotAsync("one")));
        Assert.Single(await History.ListSnapshotsAsync());
    }

    [Fact]
    public async Task Snapshot_OfARevisionThatIsNot_IsRefused()
    {
        Assert.Equal(FaultKind.InvalidArgument, await KindOf(async () => await History.CreateSnapshotAsync("future", Store.Revision + 1)));
        Assert.Empty(await History.ListSnapshotsAsync());
    }

    [Fact]
    public async Task Snapshot_Deleted_IsGoneAndItsNameFree()
    {
        await Put("/h/a", "1");
        await History.CreateSnapshotAsync("one");

        await History.DeleteSnapshotAsync("one");

        Assert.Empty(await History.ListSnapshotsAsync());
        Assert.Equal(FaultKind.NotFound, await KindOf(async () => await History.DeleteSnapshotAsync("one")));
        await History.CreateSnapshotAsync("one");
    }

    [Fact]
    public async Task Reopen_AfterHistoryAndSnapshots_HoldsTheSame()
    {
        var first = (await Put("/h/a", "1")).Revision;
        var afterFirst = await TimePassesAsync();
        await Put("/h/a", "2");
        await Remove("/h/a");
        await History.CreateSnapshotAsync("one", first);
        await Store.CompactAsync(Store.Revision);
        var versions = await History.GetVersionsAsync("/h/a");
        var snapshots = await History.ListSnapshotsAsync();
        var span = await History.GetSpanAsync();

        await ReopenAsync();

        Assert.Equal(
            versions.Select(version => (version.Revision, version.Time, Text(version.Value), version.CreateRevision)),
            (await History.GetVersionsAsync("/h/a")).Select(version => (version.Revision, version.Time, Text(version.Value), version.CreateRevision)));
        Assert.Equal(snapshots, await History.ListSnapshotsAsync());
        Assert.Equal(span with { SizeBytes = 0 }, await History.GetSpanAsync() with { SizeBytes = 0 });
        Assert.Equal("/h/a=1", Render(await History.RangeAtAsync(new StoreRange("/h/", Revision: first))));
        Assert.Equal(first, await History.RevisionAtAsync(afterFirst));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task RangeAt_RandomHistory_ReadsAsTheModelSays(int seed)
    {
        var random = new Random(seed);
        var model = new SortedDictionary<string, string>(StringComparer.Ordinal);
        var past = new Dictionary<long, string>();
        for (var i = 0; i < 300; i++)
        {
            var operations = Enumerable.Range(0, random.Next(1, 4)).Select(_ => $"/m/{random.Next(30):D2}").Distinct()
                .Select(key => new StoreOperation(key, random.Next(3) == 0 ? default(ReadOnlyMemory<byte>?) : Bytes($"{i}"))).ToList();
            await Store.CommitAsync(operations);
            foreach (var operation in operations)
            {
                if (operation.Value is null)
                {
                    model.Remove(operation.Key);
                }
                else
                {
                    model[operation.Key] = $"{i}";
                }
            }

            past[Store.Revision] = Render(model);
            if (i % 60 == 59)
            {
                await Store.CompactAsync(Store.Revision - random.Next(10));
            }
        }

        foreach (var (revision, expected) in past)
        {
            Assert.Equal(expected, Render(await History.RangeAtAsync(new StoreRange("/m/", Revision: revision))));
        }
    }

    /// <summary>The history of a store; another object where the store does not keep it itself.</summary>
    protected virtual IStoreHistory HistoryOf(IStore store) => (IStoreHistory)store;

    /// <summary>A time that lies after every commit so far and before every later one, by the clock that the store uses.</summary>
    protected virtual async Task<DateTimeOffset> TimePassesAsync()
    {
        await Task.Delay(20);
        var time = DateTimeOffset.UtcNow;
        await Task.Delay(20);
        return time;
    }
}
