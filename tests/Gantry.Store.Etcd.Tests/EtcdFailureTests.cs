using System.Text;
using Gantry.Faults;

namespace Gantry.Store.Etcd.Tests;

/// <summary>What happens when etcd, or the way to it, fails.</summary>
public sealed class EtcdFailureTests
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task Watch_EtcdKilledAndStartedAgain_LosesNothingAndDoublesNothing()
    {
        using var etcd = new EtcdServer();
        await using var store = await EtcdStore.OpenAsync(etcd.NewStore());
        await using var watch = await store.WatchAsync("/w/", store.Revision);
        for (var round = 0; round < 3; round++)
        {
            for (var i = 0; i < 10; i++)
            {
                await CommitUntilDoneAsync(store, $"/w/{(round * 10) + i:D2}");
            }

            etcd.Kill();
            etcd.Start();
        }

        await CommitUntilDoneAsync(store, "/w/end");
        var events = new List<StoreEvent>();
        using var patience = new CancellationTokenSource(s_patience);
        while (events.Count == 0 || events[^1].Key != "/w/end")
        {
            events.Add(await watch.Events.ReadAsync(patience.Token));
        }

        Assert.Equal(Enumerable.Range(0, 30).Select(static i => $"/w/{i:D2}"), events.SkipLast(1).Select(static change => change.Key).Distinct());
        Assert.Equal(events.Select(static change => change.Revision).Distinct().Order(), events.Select(static change => change.Revision));
    }

    [Fact]
    public async Task Watch_StoreClosedWhileItIsOpened_EndsWithAReason()
    {
        using var etcd = new EtcdServer();
        var store = await EtcdStore.OpenAsync(etcd.NewStore());
        for (var i = 0; i < 20; i++)
        {
            await CommitUntilDoneAsync(store, $"/w/{i:D2}");
        }

        var opening = Enumerable.Range(0, 200).Select(_ => Task.Run(async () => await store.WatchAsync("/w/", store.CompactedRevision))).ToList();
        await Task.WhenAny(opening);
        await store.DisposeAsync();

        foreach (var watch in opening)
        {
            try
            {
                await (await watch.WaitAsync(s_patience)).DisposeAsync();
            }
            catch (FaultException e)
            {
                Assert.Equal(FaultKind.Unavailable, e.Kind);
            }
        }
    }

    [Fact]
    public async Task Commit_MemberKilled_GoesToAnotherAndLosesNothingAcknowledged()
    {
        var members = EtcdServer.StartThree();
        try
        {
            await using var store = await EtcdStore.OpenAsync(members[0].Options("/three", [.. members.Select(static member => member.Address)]));
            await using var watch = await store.WatchAsync("/w/", store.Revision);
            var acknowledged = new List<string>();
            for (var i = 0; i < 60; i++)
            {
                if (i == 20)
                {
                    members[0].Kill();
                }

                var key = $"/w/{i:D2}";
                await CommitUntilDoneAsync(store, key);
                acknowledged.Add(key);
            }

            var page = await store.RangeAsync(new StoreRange("/w/"));
            Assert.Equal(acknowledged, page.Entries.Select(static entry => entry.Key));
            using var patience = new CancellationTokenSource(s_patience);
            var seen = new List<string>();
            while (seen.LastOrDefault() != acknowledged[^1])
            {
                seen.Add((await watch.Events.ReadAsync(patience.Token)).Key);
            }

            Assert.Equal(acknowledged, seen.Distinct());
        }
        finally
        {
            foreach (var member in members)
            {
                member.Dispose();
            }
        }
    }

    [Fact]
    public async Task Open_NobodyListens_SaysWhichAddressInItsTime()
    {
        var options = new EtcdStoreOptions([new Uri($"http://127.0.0.1:{EtcdServer.FreePort()}")]) { OpenTimeout = TimeSpan.FromMilliseconds(300) };

        var fault = await Assert.ThrowsAsync<FaultException>(async () => await EtcdStore.OpenAsync(options));

        Assert.Equal(FaultKind.Unavailable, fault.Kind);
        Assert.Contains(options.Endpoints[0].Authority, fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Open_WithoutClientCertificate_IsRefused()
    {
        using var etcd = new EtcdServer();
        var options = etcd.NewStore() with { ClientCertificate = null, OpenTimeout = TimeSpan.FromSeconds(1) };

        var fault = await Assert.ThrowsAsync<FaultException>(async () => await EtcdStore.OpenAsync(options));

        Assert.Contains(fault.Kind, new[] { FaultKind.Unauthenticated, FaultKind.Unavailable });
    }

    [Fact]
    public async Task Open_ServerOfAnotherAuthority_IsRefused()
    {
        using var etcd = new EtcdServer();
        using var other = new EtcdServer();
        var options = other.Options("/x", etcd.Address) with { OpenTimeout = TimeSpan.FromSeconds(1) };

        var fault = await Assert.ThrowsAsync<FaultException>(async () => await EtcdStore.OpenAsync(options));

        Assert.Equal(FaultKind.Unauthenticated, fault.Kind);
    }

    [Fact]
    public async Task Commit_MoreOperationsThanEtcdTakes_NamesTheFlag()
    {
        using var etcd = new EtcdServer([]);
        await using var store = await EtcdStore.OpenAsync(etcd.NewStore());

        var fault = await Assert.ThrowsAsync<FaultException>(async () =>
            await store.CommitAsync([.. Enumerable.Range(0, 500).Select(static i => new StoreOperation($"/many/{i}", Bytes("x")))]));

        Assert.Equal(FaultKind.InvalidArgument, fault.Kind);
        Assert.Contains("--max-txn-ops=1024", fault.Message, StringComparison.Ordinal);
        Assert.Empty((await store.RangeAsync(new StoreRange("/many/"))).Entries);
    }

    [Fact]
    public async Task Commit_TooLargeValue_NamesTheLimit()
    {
        using var etcd = new EtcdServer();
        await using var store = await EtcdStore.OpenAsync(etcd.NewStore());

        foreach (var size in new[] { 1_700_000, 4_000_000 })
        {
            var fault = await Assert.ThrowsAsync<FaultException>(async () => await store.CommitAsync([new StoreOperation("/large", new byte[size])]));
            Assert.Equal(FaultKind.InvalidArgument, fault.Kind);
            Assert.Contains("--max-request-bytes", fault.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Quota_Used_IsSaidWithItsRemedyAndDefragmentationClearsIt()
    {
        using var etcd = new EtcdServer("--quota-backend-bytes=16777216");
        await using var store = await EtcdStore.OpenAsync(etcd.NewStore());
        FaultException? full = null;
        for (var i = 0; full is null; i++)
        {
            Assert.True(i < 200, "etcd's quota was never used up");
            try
            {
                await store.CommitAsync([new StoreOperation("/big", new byte[1_000_000])]);
            }
            catch (FaultException e)
            {
                full = e;
            }
        }

        Assert.Equal(FaultKind.ResourceExhausted, full.Kind);
        Assert.Contains("gantry store defragment", full.Message, StringComparison.Ordinal);
        Assert.Contains((await store.GetStatusAsync()).Warnings, static warning => warning.Contains("NOSPACE", StringComparison.Ordinal));
        Assert.NotNull(await store.GetAsync("/big"));

        // History takes the space: it is given up, and there is room again.
        await store.DefragmentAsync();

        Assert.True((await store.CommitAsync([new StoreOperation("/small", Bytes("x"))])).Succeeded);
        Assert.DoesNotContain((await store.GetStatusAsync()).Warnings, static warning => warning.Contains("NOSPACE", StringComparison.Ordinal));
    }

    /// <summary>Writes a key; a failure that leaves the outcome open is followed by another attempt, as a client would.</summary>
    private static async Task CommitUntilDoneAsync(EtcdStore store, string key)
    {
        var end = DateTime.UtcNow + s_patience;
        while (true)
        {
            try
            {
                await store.CommitAsync([new StoreOperation(key, Bytes("x"))]);
                return;
            }
            catch (FaultException e) when (e.Kind is FaultKind.Unavailable or FaultKind.DeadlineExceeded && DateTime.UtcNow < end)
            {
                await Task.Delay(50);
            }
        }
    }

    private static byte[] Bytes(string text) => Encoding.UTF8.GetBytes(text);
}
