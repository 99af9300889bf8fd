using System.Text.Json.Nodes;
using Gantry.Faults;
using Gantry.Kube.Api.History;
using Gantry.Store;

namespace Gantry.Kube.Api.Tests.History;

public sealed class ClusterHistoryTests(ClusterFixture fixture) : IClassFixture<ClusterFixture>
{
    // For one call: what waits longer hangs.
    private static CancellationToken Patience => new CancellationTokenSource(TimeSpan.FromSeconds(60)).Token;

    private ClusterHistory History => fixture.Cluster.Server.OpenHistory((IStoreHistory)fixture.Cluster.Store);

    [Fact]
    public async Task Describe_ChangedDeletedObject_ListsVersionsWithFields()
    {
        var maps = await NamespaceAsync("versions");
        await CallAsync("POST", maps, Map("a", "1"));
        await CallAsync("PUT", maps + "/a", Map("a", "2"));
        await CallAsync("DELETE", maps + "/a");

        var lines = await History.DescribeAsync("cm/a", "versions", 0, false, Patience);

        Assert.Equal(4, lines.Count);
        Assert.StartsWith("REVISION", lines[0], StringComparison.Ordinal);
        Assert.Contains("deleted", lines[1], StringComparison.Ordinal);
        Assert.Contains("data.key: 1 -> 2", lines[2], StringComparison.Ordinal);
        Assert.Contains("created", lines[3], StringComparison.Ordinal);
        Assert.Equal(2, (await History.DescribeAsync("configmap/a", "versions", 1, false, Patience)).Count);
    }

    [Theory]
    [InlineData("cm/none", FaultKind.NotFound, "no version since")]
    [InlineData("cm", FaultKind.InvalidArgument, "KIND/NAME")]
    [InlineData("cm/", FaultKind.InvalidArgument, "no name")]
    [InlineData("nonsense/a", FaultKind.NotFound, "doesn't have a resource type")]
    public async Task Describe_WhatIsNotThere_SaysSo(string address, FaultKind kind, string text)
    {
        var fault = await Assert.ThrowsAsync<FaultException>(async () => await History.DescribeAsync(address, "default", 0, false, Patience));

        Assert.Equal(kind, fault.Kind);
        Assert.Contains(text, fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Get_AtARevision_ShowsObjectsAsTheyWere()
    {
        var maps = await NamespaceAsync("then");
        await CallAsync("POST", maps, Map("a", "old"));
        var then = await PointAsync();
        await CallAsync("PUT", maps + "/a", Map("a", "new"));
        await CallAsync("POST", maps, Map("b", "new"));

        var table = await History.GetAsync("configmaps", "then", then, "", Patience);
        var json = JsonNode.Parse(string.Join('\n', await History.GetAsync("cm/a", "then", then, "json", Patience)))!;
        var yaml = await History.GetAsync("cm/a", "then", then, "yaml", Patience);

        Assert.Equal(["NAME", "a", "kube-root-ca.crt"], table.Select(static line => line.Split(' ')[0]));
        Assert.Equal("old", (string?)json["data"]!["key"]);
        Assert.Contains("  key: old", yaml);
        Assert.Contains(yaml, static line => line.StartsWith("  creationTimestamp: \"", StringComparison.Ordinal));
        Assert.Equal(["configmap/a", "configmap/kube-root-ca.crt"], await History.GetAsync("cm", "then", then, "name", Patience));
        var absent = await Assert.ThrowsAsync<FaultException>(async () => await History.GetAsync("cm/b", "then", then, "", Patience));
        Assert.Equal(FaultKind.NotFound, absent.Kind);
    }

    [Fact]
    public async Task Diff_BetweenTwoPoints_ShowsWhatCameWentAndChanged()
    {
        var maps = await NamespaceAsync("diff");
        await CallAsync("POST", maps, Map("gone", "1"));
        await CallAsync("POST", maps, Map("changed", "1"));
        await CallAsync("POST", maps, Map("same", "1"));
        var from = await PointAsync();
        await CallAsync("DELETE", maps + "/gone");
        await CallAsync("PUT", maps + "/changed", Map("changed", "2"));
        await CallAsync("POST", maps, Map("came", "1"));
        var to = await PointAsync();

        Assert.Equal(
            ["+ configmap/came -n diff", "~ configmap/changed -n diff", "    data.key: 1 -> 2", "- configmap/gone -n diff"],
            await History.DiffAsync(from, to, null, "diff", false, Patience));
        Assert.Equal(["~ configmap/changed -n diff", "    data.key: 2 -> 1"], await History.DiffAsync(to, from, "cm/changed", null, false, Patience));
        Assert.StartsWith("Nothing differs", Assert.Single(await History.DiffAsync(to, to, null, "diff", false, Patience)), StringComparison.Ordinal);
    }

    [Fact]
    public async Task UndoObject_Changed_BringsTheVersionBeforeBack()
    {
        var maps = await NamespaceAsync("undo");
        await CallAsync("POST", maps, Map("a", "1"));
        await CallAsync("PUT", maps + "/a", Map("a", "2"));

        var dry = await History.Undo.UndoObjectAsync("cm/a", "undo", null, dryRun: true, Patience);
        Assert.Equal("2", await ValueAsync(maps, "a"));
        var done = await History.Undo.UndoObjectAsync("cm/a", "undo", null, dryRun: false, Patience);

        Assert.Equal(["configmap/a -n undo changed back"], dry);
        Assert.Equal(["configmap/a -n undo changed back"], done);
        Assert.Equal("1", await ValueAsync(maps, "a"));
    }

    [Fact]
    public async Task UndoObject_Deleted_ComesBackWithItsIdentity()
    {
        var maps = await NamespaceAsync("back");
        var (_, made) = await fixture.CallAsync("POST", maps, Map("a", "1"));
        await CallAsync("DELETE", maps + "/a");

        var lines = await History.Undo.UndoObjectAsync("cm/a", "back", null, dryRun: false, Patience);

        var (_, again) = await fixture.CallAsync("GET", maps + "/a");
        Assert.Equal(["configmap/a -n back created again"], lines);
        Assert.Equal((string?)made["metadata"]!["uid"], (string?)again["metadata"]!["uid"]);
        Assert.Equal((string?)made["metadata"]!["creationTimestamp"], (string?)again["metadata"]!["creationTimestamp"]);
    }

    [Fact]
    public async Task UndoObject_WhatIsImmutable_FailsWithTheReason()
    {
        var maps = await NamespaceAsync("fixed");
        await CallAsync("POST", maps, Map("a", "1"));
        await CallAsync("PUT", maps + "/a", """{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"},"data":{"key":"2"},"immutable":true}""");

        var fault = await Assert.ThrowsAsync<FaultException>(async () => await History.Undo.UndoObjectAsync("cm/a", "fixed", null, dryRun: false, Patience));

        Assert.Contains("immutable", fault.Message, StringComparison.Ordinal);
        Assert.Equal("2", await ValueAsync(maps, "a"));
    }

    [Fact]
    public async Task UndoNamespace_AfterManyChanges_IsAsItWas()
    {
        var maps = await NamespaceAsync("all");
        await CallAsync("POST", maps, Map("gone", "1"));
        await CallAsync("POST", maps, Map("changed", "1"));
        await CallAsync("POST", "/api/v1/namespaces/all/services", """{"apiVersion":"v1","kind":"Service","metadata":{"name":"svc"},"spec":{"ports":[{"port":80}]}}""");
        var (_, service) = await fixture.CallAsync("GET", "/api/v1/namespaces/all/services/svc");
        var then = await PointAsync();
        await CallAsync("DELETE", maps + "/gone");
        await CallAsync("DELETE", "/api/v1/namespaces/all/services/svc");
        await CallAsync("PUT", maps + "/changed", Map("changed", "2"));
        await CallAsync("POST", maps, Map("came", "1"));

        var lines = await History.Undo.UndoStateAsync("all", then, dryRun: false, Patience);

        Assert.Equal("4 objects changed, 0 could not be", lines[^1]);
        Assert.Equal("1", await ValueAsync(maps, "gone"));
        Assert.Equal("1", await ValueAsync(maps, "changed"));
        Assert.Equal(404, (await fixture.CallAsync("GET", maps + "/came")).Code);
        var (_, again) = await fixture.CallAsync("GET", "/api/v1/namespaces/all/services/svc");
        Assert.Equal((string?)service["spec"]!["clusterIP"], (string?)again["spec"]!["clusterIP"]);
        Assert.Equal("0 objects changed, 0 could not be", (await History.Undo.UndoStateAsync("all", then, dryRun: false, Patience))[^1]);
    }

    [Theory]
    [InlineData("10m")]
    [InlineData("1d2h")]
    [InlineData("2000-01-01T00:00:00Z")]
    public async Task Point_BeforeHistoryBegins_IsExpired(string text)
        => Assert.Equal(FaultKind.Expired, (await Assert.ThrowsAsync<FaultException>(async () => await History.ReadPointAsync(text, Patience))).Kind);

    [Theory]
    [InlineData("")]
    [InlineData("m")]
    [InlineData("10x")]
    [InlineData("yesterday")]
    public async Task Point_ThatIsNone_SaysWhatWouldBe(string text)
    {
        var fault = await Assert.ThrowsAsync<FaultException>(async () => await History.ReadPointAsync(text, Patience));

        Assert.Equal(FaultKind.NotFound, fault.Kind);
        Assert.Contains("10m", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Point_OfASnapshot_IsItsRevision()
    {
        var store = (IStoreHistory)fixture.Cluster.Store;
        var snapshot = await store.CreateSnapshotAsync("named").AsTask().WaitAsync(Patience);

        Assert.Equal(snapshot.Revision, (await History.ReadPointAsync("named", Patience)).Revision);
    }

    private static string Map(string name, string value) =>
        $$$"""{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"{{{name}}}"},"data":{"key":"{{{value}}}"}}""";

    private async Task<HistoryPoint> PointAsync() =>
        await History.ReadPointAsync((await fixture.Cluster.Store.ReadRevisionAsync(Patience)).ToString(System.Globalization.CultureInfo.InvariantCulture), Patience);

    private async Task<string?> ValueAsync(string maps, string name) => (string?)(await fixture.CallAsync("GET", $"{maps}/{name}")).Body["data"]!["key"];

    private async Task CallAsync(string method, string path, string? body = null)
    {
        var (code, answer) = await fixture.CallAsync(method, path, body);
        Assert.True(code is 200 or 201, $"{method} {path}: {code} {answer}");
    }

    private async Task<string> NamespaceAsync(string name)
    {
        await CallAsync("POST", "/api/v1/namespaces", $$$"""{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"{{{name}}}"}}""");
        return $"/api/v1/namespaces/{name}/configmaps";
    }
}
