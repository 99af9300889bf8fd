namespace Gantry.Kube.Api.Tests.Requests;

public sealed class ListTests(ClusterFixture fixture) : IClassFixture<ClusterFixture>
{
    [Fact]
    public async Task Paging_WhileObjectsChange_ShowsTheFirstPagesRevision()
    {
        var maps = await NamespaceAsync("paging");
        for (var i = 0; i < 10; i++)
        {
            await fixture.CallAsync("POST", maps, ClusterFixture.ConfigMap($"m{i}"));
        }

        var (_, first) = await fixture.CallAsync("GET", maps + "?limit=4");
        await fixture.CallAsync("DELETE", maps + "/m7");
        await fixture.CallAsync("POST", maps, ClusterFixture.ConfigMap("m99"));
        var names = Names(first);
        var next = (string?)first["metadata"]!["continue"];
        while (!string.IsNullOrEmpty(next))
        {
            var (_, page) = await fixture.CallAsync("GET", $"{maps}?limit=4&continue={next}");
            Assert.Equal((string?)first["metadata"]!["resourceVersion"], (string?)page["metadata"]!["resourceVersion"]);
            names.AddRange(Names(page));
            next = (string?)page["metadata"]!["continue"];
        }

        Assert.Equal(7, (int?)first["metadata"]!["remainingItemCount"]);
        Assert.Equal(["kube-root-ca.crt", .. Enumerable.Range(0, 10).Select(static i => $"m{i}")], names);
    }

    [Fact]
    public async Task Continue_Malformed_IsBadRequest()
        => Assert.Equal(400, (await fixture.CallAsync("GET", "/api/v1/configmaps?limit=1&continue=nonsense")).Code);

    [Fact]
    public async Task Continue_AfterCompaction_IsExpired()
    {
        var maps = await NamespaceAsync("expiring");
        for (var i = 0; i < 5; i++)
        {
            await fixture.CallAsync("POST", maps, ClusterFixture.ConfigMap($"m{i}"));
        }

        var (_, first) = await fixture.CallAsync("GET", maps + "?limit=2");
        await fixture.CallAsync("POST", maps, ClusterFixture.ConfigMap("later"));
        await fixture.Cluster.Store.CompactAsync(fixture.Cluster.Store.Revision);
        var (code, body) = await fixture.CallAsync("GET", $"{maps}?limit=2&continue={(string?)first["metadata"]!["continue"]}");

        Assert.Equal(410, code);
        Assert.Equal("Expired", (string?)body["reason"]);
    }

    [Fact]
    public async Task Selectors_OfLabelsAndFields_Select()
    {
        var maps = await NamespaceAsync("selecting");
        foreach (var name in (string[])["a", "b", "c"])
        {
            await fixture.CallAsync("POST", maps, ClusterFixture.ConfigMap(name));
        }

        Assert.Equal(["a", "b"], Names((await fixture.CallAsync("GET", maps + "?labelSelector=t+in+(a,b)")).Body));
        Assert.Equal(["c"], Names((await fixture.CallAsync("GET", maps + "?labelSelector=t,t+notin+(a,b)")).Body));
        Assert.Equal(["kube-root-ca.crt"], Names((await fixture.CallAsync("GET", maps + "?labelSelector=!t")).Body));
        Assert.Equal(["b"], Names((await fixture.CallAsync("GET", maps + "?fieldSelector=metadata.name=b")).Body));
        Assert.Equal(["a", "c"], Names((await fixture.CallAsync("GET", maps + "?fieldSelector=metadata.name!=b&labelSelector=t")).Body));
        Assert.Equal(400, (await fixture.CallAsync("GET", maps + "?fieldSelector=data.k=v")).Code);
        Assert.Equal(400, (await fixture.CallAsync("GET", maps + "?labelSelector=a+b")).Code);
    }

    [Fact]
    public async Task ResourceVersion_Exact_ShowsThePast()
    {
        var maps = await NamespaceAsync("past");
        var (_, made) = await fixture.CallAsync("POST", maps, ClusterFixture.ConfigMap("old"));
        await fixture.CallAsync("DELETE", maps + "/old");
        var version = (string?)made["metadata"]!["resourceVersion"];

        Assert.Contains("old", Names((await fixture.CallAsync("GET", $"{maps}?resourceVersion={version}&resourceVersionMatch=Exact")).Body));
        Assert.DoesNotContain("old", Names((await fixture.CallAsync("GET", $"{maps}?resourceVersion={version}&resourceVersionMatch=NotOlderThan")).Body));
        Assert.Equal(504, (await fixture.CallAsync("GET", $"{maps}?resourceVersion=99999999")).Code);
        Assert.Equal(400, (await fixture.CallAsync("GET", $"{maps}?resourceVersionMatch=Exact")).Code);
    }

    [Fact]
    public async Task DeleteCollection_WithSelector_DeletesOnlyThose()
    {
        var maps = await NamespaceAsync("collecting");
        foreach (var name in (string[])["a", "b"])
        {
            await fixture.CallAsync("POST", maps, ClusterFixture.ConfigMap(name));
        }

        await fixture.CallAsync("DELETE", maps + "?labelSelector=t%3Da");

        Assert.Equal(["b", "kube-root-ca.crt"], Names((await fixture.CallAsync("GET", maps)).Body));
    }

    [Fact]
    public async Task Table_OfPods_HasUpstreamsColumns()
    {
        await fixture.CallAsync("POST", "/api/v1/namespaces/default/pods", ClusterFixture.Pod("tabled"));
        var (_, table) = await fixture.CallAsync("GET", "/api/v1/namespaces/default/pods", accept: "application/json;as=Table;v=v1;g=meta.k8s.io,application/json");

        Assert.Equal("Table", (string?)table["kind"]);
        Assert.Equal(
            ["Name", "Ready", "Status", "Restarts", "Age", "IP", "Node", "Nominated Node", "Readiness Gates"],
            table["columnDefinitions"]!.AsArray().Select(static c => (string?)c!["name"]));
        Assert.Equal("PartialObjectMetadata", (string?)table["rows"]![0]!["object"]!["kind"]);
        Assert.Equal(["tabled", "0/1", "Pending", "0"], table["rows"]![0]!["cells"]!.AsArray().Take(4).Select(static c => (string?)c));
    }

    [Theory]
    [InlineData("GET", "/api/v1/nothing", 404)]
    [InlineData("GET", "/apis/none/v1/pods", 404)]
    [InlineData("GET", "/api/v1/namespaces/default/pods/none", 404)]
    [InlineData("POST", "/api/v1/pods", 405)]
    [InlineData("PUT", "/api/v1/namespaces", 405)]
    [InlineData("GET", "/healthz", 200)]
    [InlineData("GET", "/readyz", 200)]
    [InlineData("GET", "/api", 200)]
    [InlineData("GET", "/apis/apps", 200)]
    public async Task Path_Known_HasItsCode(string method, string path, int code)
        => Assert.Equal(code, (await fixture.CallAsync(method, path, method is "POST" or "PUT" ? "{}" : null)).Code);

    [Fact]
    public async Task Accept_OnlyProtobuf_GetsProtobufAlsoForFailures()
    {
        using var http = fixture.Cluster.Admin();
        http.DefaultRequestHeaders.TryAddWithoutValidation("Accept", "application/vnd.kubernetes.protobuf");
        var type = Model.Schemas.SchemaCatalog.BuiltIn.Get("core/v1.Namespace");
        var one = Protobuf.ProtobufDecoder.Decode(await http.GetByteArrayAsync("/api/v1/namespaces/default"), type);
        var (version, kind, _) = Protobuf.ProtobufDecoder.Unwrap(await http.GetByteArrayAsync("/api/v1/namespaces"));
        using var missing = await http.GetAsync("/api/v1/namespaces/none");
        var status = Protobuf.ProtobufDecoder.Decode(await missing.Content.ReadAsByteArrayAsync(), Model.Schemas.SchemaCatalog.BuiltIn.Get("meta/v1.Status"));

        Assert.Equal("Active", one.Map("status")!.Text("phase"));
        Assert.Equal(("v1", "NamespaceList"), (version, kind));
        Assert.Equal("namespaces \"none\" not found", status.Text("message"));
        Assert.Equal(404L, status.Number("code"));
        Assert.Equal("{", (await fixture.CallAsync("GET", "/api/v1/namespaces/default", accept: "application/vnd.kubernetes.protobuf,application/json")).Body.ToJsonString()[..1]);
    }

    [Fact]
    public async Task Accept_Unknown_IsNotAcceptable()
        => Assert.Equal(406, (await fixture.CallAsync("GET", "/api/v1/pods", accept: "text/csv")).Code);

    [Fact]
    public async Task ContentType_Unknown_IsUnsupported()
        => Assert.Equal(415, (await fixture.CallAsync("POST", "/api/v1/namespaces/default/configmaps", "a,b", "text/csv")).Code);

    private async Task<string> NamespaceAsync(string name)
    {
        await fixture.CallAsync("POST", "/api/v1/namespaces", $$$"""{"metadata":{"name":"{{{name}}}"}}""");
        return $"/api/v1/namespaces/{name}/configmaps";
    }

    private static List<string?> Names(System.Text.Json.Nodes.JsonNode list)
        => [.. list["items"]!.AsArray().Select(static i => (string?)i!["metadata"]!["name"])];
}
