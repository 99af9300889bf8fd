using System.Text;
using Gantry.Faults;

namespace Gantry.Store.Etcd.Tests;

/// <summary>Several processes on one store, and stores made of others.</summary>
public sealed class EtcdSharingTests(EtcdServer etcd) : IClassFixture<EtcdServer>
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(30);
    private readonly EtcdStoreOptions _options = etcd.NewStore();

    [Fact]
    public async Task TwoStores_WritesOfOne_AreReadByTheOtherAtOnce()
    {
        await using var first = await EtcdStore.OpenAsync(_options);
        await using var second = await EtcdStore.OpenAsync(_options);
        await using var watch = await second.WatchAsync("/s/", second.Revision);
        for (var i = 0; i < 50; i++)
        {
            var revision = (await first.CommitAsync([new StoreOperation($"/s/{i}", Bytes($"{i}"))])).Revision;

            Assert.True(await second.ReadRevisionAsync() >= revision);
            Assert.Equal(revision, (await second.GetAsync($"/s/{i}"))!.ModRevision);
            Assert.Equal($"/s/{i}", (await watch.Events.ReadAsync().AsTask().WaitAsync(s_patience)).Key);
        }
    }

    [Fact]
    public async Task Progress_ChangesOfOtherKeys_IsReachedWhenItIsAskedFor()
    {
        await using var store = await EtcdStore.OpenAsync(_options);
        await using var watch = await store.WatchAsync("/p/", store.Revision);
        var revision = (await store.CommitAsync([new StoreOperation("/other", Bytes("x"))])).Revision;

        watch.RequestProgress(revision);

        var end = DateTime.UtcNow + s_patience;
        while (watch.Progress < revision)
        {
            Assert.True(DateTime.UtcNow < end, $"progress stays at {watch.Progress}, before {revision}");
            await Task.Delay(5);
        }

        Assert.False(watch.Events.TryRead(out _));
    }

    [Fact]
    public async Task Commit_TwoStoresOnOneKey_LosesNoIncrement()
    {
        await using var first = await EtcdStore.OpenAsync(_options);
        await using var second = await EtcdStore.OpenAsync(_options);
        await first.CommitAsync([new StoreOperation("/counter", Bytes("0"))]);

        static async Task Increment(EtcdStore store)
        {
            for (var done = 0; done < 25;)
            {
                var entry = (await store.GetAsync("/counter"))!;
                var next = int.Parse(Encoding.UTF8.GetString(entry.Value.Span), System.Globalization.CultureInfo.InvariantCulture) + 1;
                done += (await store.CommitAsync([new StoreOperation("/counter", Bytes($"{next}"), entry.ModRevision)])).Succeeded ? 1 : 0;
            }
        }

        await Task.WhenAll(Increment(first), Increment(second), Increment(first), Increment(second));

        Assert.Equal("100", Encoding.UTF8.GetString((await second.GetAsync("/counter"))!.Value.Span));
    }

    [Fact]
    public async Task Compact_ByOneStore_IsKnownToTheOther()
    {
        await using var first = await EtcdStore.OpenAsync(_options);
        await using var second = await EtcdStore.OpenAsync(_options);
        var old = (await first.CommitAsync([new StoreOperation("/c", Bytes("1"))])).Revision;
        var last = (await first.CommitAsync([new StoreOperation("/c", Bytes("2"))])).Revision;

        await first.CompactWithinSnapshotsAsync(last, CancellationToken.None);

        Assert.Equal(FaultKind.Expired, (await Assert.ThrowsAsync<FaultException>(async () => await second.RangeAtAsync(new StoreRange("/", Revision: old)))).Kind);
        Assert.Equal(FaultKind.Expired, (await Assert.ThrowsAsync<FaultException>(async () => await second.WatchAsync("/", old))).Kind);
    }

    [Fact]
    public async Task Election_TwoCandidates_OneLeadsAndTheOtherFollowsIt()
    {
        await using var first = await EtcdStore.OpenAsync(_options);
        await using var second = await EtcdStore.OpenAsync(_options);
        var leader = await first.LeadAsync("controllers", "one");
        using var impatient = new CancellationTokenSource(TimeSpan.FromSeconds(3));

        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await second.LeadAsync("controllers", "two", impatient.Token));
        Assert.False(leader.Lost.IsCancellationRequested);
        var lost = leader.Lost;
        await leader.DisposeAsync();
        var next = await second.LeadAsync("controllers", "two").AsTask().WaitAsync(s_patience);

        Assert.True(lost.IsCancellationRequested);
        Assert.False(next.Lost.IsCancellationRequested);
        await next.DisposeAsync();
    }

    [Fact]
    public async Task Import_IntoEmptyPrefix_HoldsTheSameAndItsRevisionsGoOn()
    {
        var page = Page(revision: 1_000_000_000, count: 350);

        await EtcdStore.ImportAsync(_options, page);
        await using var store = await EtcdStore.OpenAsync(_options);

        var copied = await store.RangeAsync(new StoreRange(""));
        Assert.Equal(page.Entries.Select(static entry => (entry.Key, Encoding.UTF8.GetString(entry.Value.Span))), copied.Entries.Select(static entry => (entry.Key, Encoding.UTF8.GetString(entry.Value.Span))));
        Assert.True(store.Revision > page.Revision);
        Assert.All(copied.Entries, entry => Assert.True(entry.ModRevision > page.Revision));
        Assert.Equal(FaultKind.Expired, (await Assert.ThrowsAsync<FaultException>(async () => await store.WatchAsync("", page.Revision))).Kind);
    }

    [Fact]
    public async Task Import_IntoAPrefixInUse_IsRefusedAndChangesNothing()
    {
        await using var store = await EtcdStore.OpenAsync(_options);
        await store.CommitAsync([new StoreOperation("/mine", Bytes("x"))]);

        var fault = await Assert.ThrowsAsync<FaultException>(async () => await EtcdStore.ImportAsync(_options, Page(10, 5)));

        Assert.Equal(FaultKind.FailedPrecondition, fault.Kind);
        Assert.Equal("/mine", Assert.Single((await store.RangeAsync(new StoreRange(""))).Entries).Key);
    }

    [Fact]
    public async Task Import_CutOff_CannotBeOpenedAndIsDoneAnewByTheNext()
    {
        // Values that are too large end the first attempt in its middle.
        var page = Page(10, 150);
        var broken = page with { Entries = [.. page.Entries, new StoreEntry("/z", new byte[3_000_000], 9, 9)] };
        await Assert.ThrowsAsync<FaultException>(async () => await EtcdStore.ImportAsync(_options, broken));

        var fault = await Assert.ThrowsAsync<FaultException>(async () => await EtcdStore.OpenAsync(_options));
        await EtcdStore.ImportAsync(_options, Page(10, 20));
        await using var store = await EtcdStore.OpenAsync(_options);

        Assert.Equal(FaultKind.FailedPrecondition, fault.Kind);
        Assert.Equal(20, (await store.RangeAsync(new StoreRange(""))).Entries.Count);
    }

    private static StorePage Page(long revision, int count) => new(
        [.. Enumerable.Range(0, count).Select(i => new StoreEntry($"/registry/x/{i:D4}", Bytes($"{i}"), Math.Min(revision, i + 1), Math.Min(revision, i + 1)))],
        false,
        0,
        revision);

    private static byte[] Bytes(string text) => Encoding.UTF8.GetBytes(text);
}
