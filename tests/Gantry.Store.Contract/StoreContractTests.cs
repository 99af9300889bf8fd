using Gantry.Faults;

namespace Gantry.Store.Contract;

/// <summary>What every store promises (see <see cref="IStore"/>). One subclass an implementation.</summary>
public abstract class StoreContractTests : StoreSuite
{
    [Fact]
    public async Task Commit_NewKey_CanBeReadWithItsRevision()
    {
        var commit = await Put("/a", "1");

        var entry = await Store.GetAsync("/a");

        Assert.Equal(commit.Revision, entry!.ModRevision);
        Assert.Equal(commit.Revision, entry.CreateRevision);
        Assert.Equal("1", Text(entry.Value));
    }

    [Fact]
    public async Task Commit_ChangedKey_KeepsItsCreateRevision()
    {
        var first = await Put("/a", "1");
        var second = await Put("/a", "2");

        var entry = await Store.GetAsync("/a");

        Assert.Equal((first.Revision, second.Revision), (entry!.CreateRevision, entry.ModRevision));
        Assert.True(second.Revision > first.Revision);
    }

    [Fact]
    public async Task Commit_ExpectationFails_ChangesNothingAndNamesThePresentEntry()
    {
        await Put("/a", "1");
        var before = Store.Revision;

        var outcome = await Store.CommitAsync([new("/b", Bytes("x")), new("/a", Bytes("2"), ExpectedModRevision: 0)]);

        Assert.False(outcome.Succeeded);
        Assert.Equal(1, outcome.FailedOperation);
        Assert.Equal("1", Text(outcome.Present!.Value));
        Assert.Null(await Store.GetAsync("/b"));
        Assert.Equal(before, Store.Revision);
    }

    [Fact]
    public async Task Commit_DeleteOfAbsentKey_MakesNoRevision()
    {
        var before = Store.Revision;

        var outcome = await Store.CommitAsync([new("/none", null)]);

        Assert.True(outcome.Succeeded);
        Assert.Equal(before, Store.Revision);
    }

    [Fact]
    public async Task Range_Prefix_ReturnsPagesInOrdinalOrder()
    {
        foreach (var key in new[] { "/p/b", "/p/a", "/q/a", "/p/c", "/p" })
        {
            await Put(key, key);
        }

        var first = await Store.RangeAsync(new StoreRange("/p/", Limit: 2));
        var second = await Store.RangeAsync(new StoreRange("/p/", After: first.Entries[^1].Key, Limit: 2, Revision: first.Revision));

        Assert.Equal(["/p/a", "/p/b"], first.Entries.Select(entry => entry.Key));
        Assert.True(first.More);
        Assert.Equal(1, first.Remaining);
        Assert.Equal(["/p/c"], second.Entries.Select(entry => entry.Key));
        Assert.False(second.More);
    }

    [Fact]
    public async Task Range_OlderRevision_ShowsThePast()
    {
        await Put("/a", "1");
        var then = (await Put("/b", "1")).Revision;
        await Put("/a", "2");
        await Store.CommitAsync([new("/b", null)]);

        var page = await Store.RangeAsync(new StoreRange("/", Revision: then));

        Assert.Equal(["/a=1", "/b=1"], page.Entries.Select(entry => $"{entry.Key}={Text(entry.Value)}"));
    }

    [Fact]
    public async Task Range_FutureRevision_IsRefused()
    {
        var fault = await Assert.ThrowsAnyAsync<FaultException>(async () => await Store.RangeAsync(new StoreRange("/", Revision: Store.Revision + 1)));

        Assert.Equal(FaultKind.InvalidArgument, fault.Kind);
    }

    [Fact]
    public async Task Compact_OldRevision_IsExpiredForReadsAndWatches()
    {
        var first = await Put("/a", "1");
        await Put("/a", "2");
        var third = await Put("/a", "3");

        await Store.CompactAsync(third.Revision);

        var read = await Assert.ThrowsAnyAsync<FaultException>(async () => await Store.RangeAsync(new StoreRange("/", Revision: first.Revision)));
        var watch = await Assert.ThrowsAnyAsync<FaultException>(async () => await Store.WatchAsync("/", first.Revision));
        Assert.Equal((FaultKind.Expired, FaultKind.Expired), (read.Kind, watch.Kind));
        Assert.Equal("3", Text((await Store.GetAsync("/a"))!.Value));
    }

    [Fact]
    public async Task Compact_AtADeletion_LosesNoEventAfterIt()
    {
        // A watch that starts where the compaction ended must see what came later, and one before it must be told.
        await Put("/a", "1");
        var deletion = await Remove("/a");
        var later = await Remove("/b") is { } none && none.Revision == deletion.Revision ? await Put("/b", "1") : null;
        await Store.CompactAsync(deletion.Revision);

        await using var watch = await Store.WatchAsync("/", deletion.Revision);
        var first = await watch.Events.ReadAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(10));

        Assert.Equal(("/b", later!.Revision), (first.Key, first.Revision));
        Assert.Equal(FaultKind.Expired, await KindOf(async () => await Store.WatchAsync("/", deletion.Revision - 1)));
        Assert.Null(await Store.GetAsync("/a"));
    }

    [Fact]
    public async Task Commit_SeveralKeys_IsOneRevisionForReadersAndWatchers()
    {
        await Put("/t/a", "1");
        await using var watch = await Store.WatchAsync("/t/", Store.Revision);

        var commit = await Store.CommitAsync([new("/t/a", null), new("/t/b", Bytes("2")), new("/t/c", Bytes("3"))]);
        var events = new List<StoreEvent>();
        while (events.Count < 3)
        {
            events.Add(await watch.Events.ReadAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(10)));
        }

        Assert.Equal("/t/b=2 /t/c=3", Render(await Store.RangeAsync(new StoreRange("/t/"))));
        Assert.All(events, change => Assert.Equal(commit.Revision, change.Revision));
        Assert.Equal(["/t/a", "/t/b", "/t/c"], events.Select(change => change.Key).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Watch_FromThePast_SeesEveryChangeOnceInOrder()
    {
        var start = Store.Revision;
        await Put("/w/a", "1");
        await Put("/other", "1");
        await using var watch = await Store.WatchAsync("/w/", start);
        await Put("/w/a", "2");
        await Store.CommitAsync([new("/w/a", null)]);

        var events = new List<StoreEvent>();
        while (events.Count < 3)
        {
            events.Add(await watch.Events.ReadAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(10)));
        }

        Assert.Equal(["null>1", "1>2", "2>null"], events.Select(change => $"{Text(change.Previous)}>{Text(change.Value)}"));
        Assert.True(events[0].Revision < events[1].Revision && events[1].Revision < events[2].Revision);
        await WaitForAsync(() => watch.Progress == Store.Revision);
        Assert.False(watch.Events.TryRead(out _));
    }

    [Fact]
    public async Task Watch_TooSlow_IsClosedWithAReason()
    {
        await using var watch = await Store.WatchAsync("/w/", Store.Revision);
        for (var i = 0; i < 20; i++)
        {
            await Store.CommitAsync([.. Enumerable.Range(0, 1000).Select(n => new StoreOperation($"/w/{n}", Bytes("x")))]);
        }

        var seen = new List<long>();
        var fault = await Assert.ThrowsAnyAsync<FaultException>(async () =>
        {
            while (await watch.Events.WaitToReadAsync())
            {
                while (watch.Events.TryRead(out var change))
                {
                    seen.Add(change.Revision);
                }
            }
        });

        Assert.Equal(FaultKind.ResourceExhausted, fault.Kind);
        Assert.InRange(seen.Count, 1, 19_999);
        var whole = seen.CountBy(static revision => revision).Where(static pair => pair.Value == 1000).Max(static pair => pair.Key);
        Assert.True(watch.Progress <= whole, $"progress {watch.Progress} is past {whole}, the last revision that was delivered whole");
    }

    [Fact]
    public async Task Commit_ManyWritersOnOneKey_LosesNoIncrement()
    {
        await Put("/counter", "0");

        async Task Increment()
        {
            for (var done = 0; done < 25;)
            {
                var entry = (await Store.GetAsync("/counter"))!;
                var next = int.Parse(Text(entry.Value), System.Globalization.CultureInfo.InvariantCulture) + 1;
                done += (await Store.CommitAsync([new("/counter", Bytes($"{next}"), entry.ModRevision)])).Succeeded ? 1 : 0;
            }
        }

        await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(Increment)));

        Assert.Equal("200", Text((await Store.GetAsync("/counter"))!.Value));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task Commit_RandomHistory_ReadsAsTheModelSays(int seed)
    {
        var random = new Random(seed);
        var model = new SortedDictionary<string, string>(StringComparer.Ordinal);
        var past = new Dictionary<long, string>();
        for (var i = 0; i < 400; i++)
        {
            var key = $"/m/{random.Next(40):D2}";
            if (random.Next(3) == 0)
            {
                await Store.CommitAsync([new(key, null)]);
                model.Remove(key);
            }
            else
            {
                await Put(key, $"{i}");
                model[key] = $"{i}";
            }

            past[Store.Revision] = Render(model);
        }

        foreach (var (revision, expected) in past)
        {
            var page = await Store.RangeAsync(new StoreRange("/m/", Revision: revision));
            Assert.Equal(expected, string.Join(' ', page.Entries.Select(entry => $"{entry.Key}={Text(entry.Value)}")));
        }
    }

    [Fact]
    public async Task Range_RevisionsOfConcurrentCommits_ReadAsTheirEventsSay()
    {
        var before = Store.Revision;
        await using var watch = await Store.WatchAsync("/r/", before);
        await Task.WhenAll(Enumerable.Range(0, 32).Select(writer => Task.Run(async () =>
        {
            var random = new Random(writer);
            for (var i = 0; i < 15; i++)
            {
                var key = $"/r/{random.Next(12):D2}";
                await (random.Next(4) == 0 ? Remove(key) : Put(key, $"{writer}-{i}"));
            }
        })));

        var states = new SortedDictionary<long, string>();
        var present = new SortedDictionary<string, string>(StringComparer.Ordinal);
        while (states.Count == 0 || states.Last().Key < Store.Revision)
        {
            var change = await watch.Events.ReadAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(10));
            if (change.Value is null)
            {
                present.Remove(change.Key);
            }
            else
            {
                present[change.Key] = Text(change.Value);
            }

            states[change.Revision] = Render(present);
        }

        await CheckStatesAsync(states);
        // To a revision somewhere among the others.
        var middle = states.Keys.ElementAt(states.Count / 2);
        await Store.CompactAsync(middle);
        await CheckStatesAsync(states.Where(state => state.Key >= middle));
    }

    [Fact]
    public async Task Reopen_AfterWritesAndCompaction_HoldsTheSame()
    {
        for (var i = 0; i < 300; i++)
        {
            await Put($"/r/{i % 50:D2}", $"{i}");
        }

        await Store.CommitAsync([new("/r/07", null)]);
        var last = Store.Revision;
        await Store.CompactAsync(last - 10);
        var before = Render(await Store.RangeAsync(new StoreRange("/r/")));

        await ReopenAsync();

        Assert.Equal(before, Render(await Store.RangeAsync(new StoreRange("/r/"))));
        Assert.Equal(last + OwnRevisions, Store.Revision);
        Assert.Equal(last - 10, Store.CompactedRevision);
        Assert.True((await Put("/r/new", "x")).Revision > last);
        await using var watch = await Store.WatchAsync("/r/", last - 1);
        Assert.True(watch.Events.TryRead(out var deletion));
        Assert.Equal(("/r/07", true), (deletion.Key, deletion.Value is null));
    }

    private async Task CheckStatesAsync(IEnumerable<KeyValuePair<long, string>> states)
    {
        foreach (var (revision, state) in states)
        {
            Assert.Equal(state, Render(await Store.RangeAsync(new StoreRange("/r/", Revision: revision))));
        }
    }
}
