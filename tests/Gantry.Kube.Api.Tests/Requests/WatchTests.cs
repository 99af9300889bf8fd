using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using Gantry.Kube.Client;
using Gantry.Kube.Model.Core.V1;

namespace Gantry.Kube.Api.Tests.Requests;

public sealed class WatchTests(ClusterFixture fixture) : IClassFixture<ClusterFixture>
{
    private const string Maps = "/api/v1/namespaces/default/configmaps";

    [Fact]
    public async Task Watch_UnderConcurrentWrites_LosesDoublesAndReordersNothing()
    {
        var client = fixture.Cluster.Client;
        var start = (await client.ListAsync<ConfigMap>("default")).ResourceVersion;
        using var stop = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        var seen = new ConcurrentBag<List<(string Name, long Version, KubeWatchEventType Type)>>();
        var watchers = Enumerable.Range(0, 8).Select(_ => Task.Run(() => CollectAsync(client, start, "w-", 400, seen, stop.Token))).ToList();
        await Task.WhenAll(Enumerable.Range(0, 4).Select(writer => Task.Run(async () =>
        {
            for (var i = 0; i < 50; i++)
            {
                var map = await client.CreateAsync(new ConfigMap { Metadata = { Name = $"w-{writer}-{i}", Namespace = "default" } });
                await client.DeleteAsync<ConfigMap>("default", map.Metadata.Name!);
            }
        })));
        await Task.WhenAll(watchers);

        foreach (var events in seen)
        {
            Assert.Equal(400, events.Count);
            Assert.Equal(events.Select(static e => e.Version).Order(), events.Select(static e => e.Version));
            Assert.Equal(400, events.Select(static e => e.Version).Distinct().Count());
            Assert.All(events.GroupBy(static e => e.Name), static g => Assert.Equal([KubeWatchEventType.Added, KubeWatchEventType.Deleted], g.Select(static e => e.Type)));
        }
    }

    [Fact]
    public async Task Watch_ResumedFromAnyVersion_ContinuesExactlyThere()
    {
        var client = fixture.Cluster.Client;
        var start = (await client.ListAsync<ConfigMap>("default")).ResourceVersion;
        var versions = new List<long>();
        for (var i = 0; i < 10; i++)
        {
            versions.Add(long.Parse((await client.CreateAsync(new ConfigMap { Metadata = { Name = $"r-{i}", Namespace = "default" } })).Metadata.ResourceVersion!));
        }

        using var stop = new CancellationTokenSource(TimeSpan.FromSeconds(10));
        for (var from = 0; from < 10; from++)
        {
            var seen = new ConcurrentBag<List<(string Name, long Version, KubeWatchEventType Type)>>();
            await CollectAsync(client, from == 0 ? start : versions[from - 1].ToString(), "r-", 10 - from, seen, stop.Token);
            Assert.Equal(versions.Skip(from), seen.Single().Select(static e => e.Version));
        }
    }

    [Fact]
    public async Task Watch_FromBeforeTheCachesHistory_ReadsTheGapFromTheStore()
    {
        await using var cluster = await TestCluster.StartAsync();
        var client = cluster.Client;
        var start = (await client.ListAsync<ConfigMap>("default")).ResourceVersion;
        var map = await client.CreateAsync(new ConfigMap { Metadata = { Name = "gap", Namespace = "default" }, Data = new() { ["i"] = "first" } });
        for (var i = 0; i < 1200; i++)
        {
            map.Data!["i"] = i.ToString();
            map = await client.UpdateAsync(map);
        }

        using var stop = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        var seen = new ConcurrentBag<List<(string Name, long Version, KubeWatchEventType Type)>>();
        var watching = CollectAsync(client, start, "gap", 1301, seen, stop.Token);
        for (var i = 0; i < 100; i++)
        {
            map.Data!["i"] = "late" + i;
            map = await client.UpdateAsync(map);
        }

        await watching;
        var versions = seen.Single().Select(static e => e.Version).ToList();

        Assert.Equal(1301, versions.Distinct().Count());
        Assert.Equal(versions.Order(), versions);
        Assert.Equal(long.Parse(map.Metadata.ResourceVersion!), versions[^1]);
    }

    [Fact]
    public async Task Watch_ThatIsNotRead_IsClosedAndHoldsUpNobody()
    {
        await using var cluster = await TestCluster.StartAsync();
        var client = cluster.Client;
        var start = (await client.ListAsync<ConfigMap>("default")).ResourceVersion;
        using var stop = new CancellationTokenSource(TimeSpan.FromSeconds(120));
        await using var slow = client.WatchAsync<ConfigMap>("default", start, cancellationToken: stop.Token).GetAsyncEnumerator();
        var map = await client.CreateAsync(new ConfigMap { Metadata = { Name = "fast", Namespace = "default" }, Data = new() { ["i"] = "first" } });
        await slow.MoveNextAsync();
        for (var i = 0; i < 9000; i++)
        {
            map.Data!["i"] = i.ToString();
            map = await client.UpdateAsync(map);
            if (i % 1000 == 999)
            {
                // A list waits for the cache that feeds the watchers: were it behind, the reader below could keep up with it.
                await client.ListAsync<ConfigMap>("default");
            }
        }

        var failure = await Assert.ThrowsAsync<KubeStatusException>(async () =>
        {
            while (await slow.MoveNextAsync())
            {
            }
        });

        Assert.Equal(429, failure.Code);
        Assert.Equal("8999", (await client.GetAsync<ConfigMap>("default", "fast")).Data!["i"]);
    }

    [Fact]
    public async Task Watch_WithSelector_ShowsEnteringAndLeaving()
    {
        var (_, list) = await fixture.CallAsync("GET", Maps);
        await fixture.CallAsync("POST", Maps, """{"metadata":{"name":"sel","labels":{"in":"no"}}}""");
        await fixture.CallAsync("PATCH", Maps + "/sel", """{"metadata":{"labels":{"in":"yes"}}}""", "application/merge-patch+json");
        await fixture.CallAsync("PATCH", Maps + "/sel", """{"data":{"a":"b"}}""", "application/merge-patch+json");
        await fixture.CallAsync("PATCH", Maps + "/sel", """{"metadata":{"labels":{"in":"no"}}}""", "application/merge-patch+json");
        await fixture.CallAsync("DELETE", Maps + "/sel");
        var events = await StreamAsync($"{Maps}?watch=true&timeoutSeconds=1&labelSelector=in%3Dyes&resourceVersion={(string?)list["metadata"]!["resourceVersion"]}");

        Assert.Equal(["ADDED", "MODIFIED", "DELETED"], events.Select(static e => (string?)e["type"]));
        Assert.Equal("yes", (string?)events[2]["object"]!["metadata"]!["labels"]!["in"]);
    }

    [Fact]
    public async Task Watch_SendInitialEvents_EndsThemWithABookmark()
    {
        await fixture.CallAsync("POST", Maps, ClusterFixture.ConfigMap("initial"));
        var events = await StreamAsync($"{Maps}?watch=true&timeoutSeconds=1&sendInitialEvents=true&allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan&fieldSelector=metadata.name=initial");

        Assert.Equal(["ADDED", "BOOKMARK"], events.Select(static e => (string?)e["type"]));
        Assert.Equal("true", (string?)events[1]["object"]!["metadata"]!["annotations"]!["k8s.io/initial-events-end"]);
    }

    [Fact]
    public async Task Watch_AsTable_SendsColumnsOnce()
    {
        var (_, list) = await fixture.CallAsync("GET", Maps);
        await fixture.CallAsync("POST", Maps, ClusterFixture.ConfigMap("t1"));
        await fixture.CallAsync("POST", Maps, ClusterFixture.ConfigMap("t2"));
        var events = await StreamAsync($"{Maps}?watch=true&timeoutSeconds=1&resourceVersion={(string?)list["metadata"]!["resourceVersion"]}&fieldSelector=metadata.name!=x", "application/json;as=Table;v=v1;g=meta.k8s.io");
        var tables = events.Where(static e => ((string?)e["object"]!["rows"]![0]!["cells"]![0])!.StartsWith('t')).ToList();

        Assert.NotNull(tables[0]["object"]!["columnDefinitions"]);
        Assert.Null(tables[1]["object"]!["columnDefinitions"]);
    }

    [Fact]
    public async Task Watch_FromCompactedVersion_IsExpired()
    {
        await using var cluster = await TestCluster.StartAsync();
        await cluster.Client.CreateAsync(new ConfigMap { Metadata = { Name = "x", Namespace = "default" } });
        await cluster.Store.CompactAsync(cluster.Store.Revision);
        using var http = cluster.Admin();
        using var response = await http.GetAsync($"{Maps}?watch=true&resourceVersion=2");
        var line = JsonNode.Parse((await response.Content.ReadAsStringAsync()).Split('\n')[0])!;

        Assert.Equal("ERROR", (string?)line["type"]);
        Assert.Equal(410, (int?)line["object"]!["code"]);
        Assert.Equal("Expired", (string?)line["object"]!["reason"]);
    }

    [Fact]
    public async Task Watch_Timeout_EndsTheResponse()
        => Assert.Empty(await StreamAsync($"{Maps}?watch=true&timeoutSeconds=1&fieldSelector=metadata.name=nothing"));

    private static async Task CollectAsync(IKubeClient client, string from, string prefix, int count, ConcurrentBag<List<(string Name, long Version, KubeWatchEventType Type)>> results, CancellationToken cancellationToken)
    {
        var events = new List<(string Name, long Version, KubeWatchEventType Type)>();
        await foreach (var change in client.WatchAsync<ConfigMap>("default", from, cancellationToken: cancellationToken))
        {
            if (change.Object.Metadata.Name?.StartsWith(prefix, StringComparison.Ordinal) == true)
            {
                events.Add((change.Object.Metadata.Name, long.Parse(change.Object.Metadata.ResourceVersion!), change.Type));
                if (events.Count == count)
                {
                    break;
                }
            }
        }

        results.Add(events);
    }

    private async Task<List<JsonNode>> StreamAsync(string path, string? accept = null)
    {
        using var http = fixture.Cluster.Admin();
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        if (accept is not null)
        {
            request.Headers.TryAddWithoutValidation("Accept", accept);
        }

        using var response = await http.SendAsync(request);
        return [.. (await response.Content.ReadAsStringAsync()).Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(static l => JsonNode.Parse(l)!)];
    }
}
