using System.Text.Json.Nodes;
using Gantry.Store.Etcd;
using Gantry.Store.Etcd.Tests;

namespace Gantry.Kube.Api.Tests.Storage;

/// <summary>Two API servers on one etcd: what one has acknowledged, the other shows.</summary>
public sealed class SharedStoreTests(EtcdServer etcd) : IClassFixture<EtcdServer>
{
    private const string Maps = "/api/v1/namespaces/default/configmaps";
    private readonly EtcdStoreOptions _options = etcd.NewStore();

    [Fact]
    public async Task List_AfterAWriteThroughTheOtherServer_HasIt()
    {
        await using var first = await TestCluster.StartAsync(store: await EtcdStore.OpenAsync(_options));
        await using var second = await TestCluster.StartAsync(store: await EtcdStore.OpenAsync(_options));
        using var writer = first.Admin();
        using var reader = second.Admin();
        for (var i = 0; i < 20; i++)
        {
            await PostAsync(writer, $"m{i}");
            var list = JsonNode.Parse(await reader.GetStringAsync(new Uri(Maps, UriKind.Relative)))!;
            Assert.Contains($"m{i}", list["items"]!.AsArray().Select(static item => (string?)item!["metadata"]!["name"]));
        }
    }

    [Fact]
    public async Task Watch_OnOneServer_SeesWhatTheOtherWritesInOrder()
    {
        await using var first = await TestCluster.StartAsync(store: await EtcdStore.OpenAsync(_options));
        await using var second = await TestCluster.StartAsync(store: await EtcdStore.OpenAsync(_options));
        using var writer = first.Admin();
        using var reader = second.Admin();
        var list = JsonNode.Parse(await reader.GetStringAsync(new Uri(Maps, UriKind.Relative)))!;
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        await using var stream = await reader.GetStreamAsync(new Uri($"{Maps}?watch=1&resourceVersion={(string?)list["metadata"]!["resourceVersion"]}", UriKind.Relative), patience.Token);
        using var lines = new StreamReader(stream);
        for (var i = 0; i < 30; i++)
        {
            await PostAsync(i % 2 == 0 ? writer : reader, $"w{i}");
        }

        var seen = new List<string?>();
        while (seen.Count < 30)
        {
            seen.Add((string?)JsonNode.Parse((await lines.ReadLineAsync(patience.Token))!)!["object"]!["metadata"]!["name"]);
        }

        Assert.Equal(Enumerable.Range(0, 30).Select(static i => $"w{i}"), seen);
    }

    private static async Task PostAsync(HttpClient client, string name)
    {
        using var content = new StringContent($$$"""{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"{{{name}}}"}}""", System.Text.Encoding.UTF8, "application/json");
        using var response = await client.PostAsync(new Uri(Maps, UriKind.Relative), content);
        response.EnsureSuccessStatusCode();
    }
}
