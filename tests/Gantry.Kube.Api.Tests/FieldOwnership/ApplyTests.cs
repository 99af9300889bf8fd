using System.Text.Json.Nodes;

namespace Gantry.Kube.Api.Tests.FieldOwnership;

public sealed class ApplyTests(ClusterFixture fixture) : IClassFixture<ClusterFixture>
{
    private const string Maps = "/api/v1/namespaces/default/configmaps";
    private const string Deployments = "/apis/apps/v1/namespaces/default/deployments";
    private const string Apply = "application/apply-patch+yaml";

    [Fact]
    public async Task Apply_NewObject_CreatesItAndOwnsWhatItSays()
    {
        var (code, body) = await ApplyMapAsync("new", "one", "{a: 1, b: 2}");
        var entry = Assert.Single(body["metadata"]!["managedFields"]!.AsArray())!;

        Assert.Equal(201, code);
        Assert.Equal("one", (string?)entry["manager"]);
        Assert.Equal("Apply", (string?)entry["operation"]);
        Assert.Equal("""{"f:data":{"f:a":{},"f:b":{}}}""", entry["fieldsV1"]!.ToJsonString());
        Assert.Equal(200, (await ApplyMapAsync("new", "one", "{a: 1, b: 2}")).Code);
    }

    [Fact]
    public async Task Apply_SameTwice_WritesNothing()
    {
        var (_, first) = await ApplyMapAsync("again", "one", "{a: 1}");
        var (_, second) = await ApplyMapAsync("again", "one", "{a: 1}");

        Assert.Equal((string?)first["metadata"]!["resourceVersion"], (string?)second["metadata"]!["resourceVersion"]);
    }

    [Fact]
    public async Task Apply_FieldLeftOut_IsRemovedUnlessOthersOwnIt()
    {
        await ApplyMapAsync("left", "one", "{a: 1, b: 2, c: 3}");
        await ApplyMapAsync("left", "two", "{b: 2}");
        var (_, body) = await ApplyMapAsync("left", "one", "{a: 1}");

        Assert.Equal("""{"a":"1","b":"2"}""", body["data"]!.ToJsonString());
    }

    [Fact]
    public async Task Apply_OthersValue_IsAConflictUntilForced()
    {
        await ApplyMapAsync("fight", "one", "{a: 1, b: 1}");
        var (code, body) = await ApplyMapAsync("fight", "two", "{a: 2}");
        var (both, many) = await ApplyMapAsync("fight", "two", "{a: 2, b: 2}");
        var (forced, won) = await ApplyMapAsync("fight", "two", "{a: 2}", "&force=true");

        Assert.Equal(409, code);
        Assert.Equal("Apply failed with 1 conflict: conflict with \"one\": .data.a", (string?)body["message"]);
        Assert.Equal("FieldManagerConflict", (string?)body["details"]!["causes"]![0]!["reason"]);
        Assert.Equal(".data.a", (string?)body["details"]!["causes"]![0]!["field"]);
        Assert.Equal(409, both);
        Assert.Equal("Apply failed with 2 conflicts: conflicts with \"one\":\n- .data.a\n- .data.b", (string?)many["message"]);
        Assert.Equal(200, forced);
        Assert.Equal("2", (string?)won["data"]!["a"]);
        Assert.Equal("""{"f:data":{"f:b":{}}}""", Fields(won, "one"));
    }

    [Fact]
    public async Task Update_OfAnAppliedField_TakesItOver()
    {
        await ApplyMapAsync("taken", "one", "{a: 1}");
        var (_, body) = await fixture.CallAsync("PATCH", Maps + "/taken?fieldManager=editor", """{"data":{"a":"9"}}""", "application/merge-patch+json");
        var (code, conflict) = await ApplyMapAsync("taken", "one", "{a: 1}");

        Assert.Equal("""{"f:data":{"f:a":{}}}""", Fields(body, "editor"));
        Assert.Equal(409, code);
        Assert.StartsWith("Apply failed with 1 conflict: conflict with \"editor\" using v1 at ", (string?)conflict["message"]);
    }

    [Fact]
    public async Task Apply_ListItemsByKey_AreOwnedOneByOne()
    {
        await ApplyDeploymentAsync("items", "one", "[{name: a, image: i}, {name: b, image: i, readinessProbe: {httpGet: {path: /, port: 80}}}]");
        await ApplyDeploymentAsync("items", "two", "[{name: c, image: j}]");
        var (_, body) = await ApplyDeploymentAsync("items", "one", "[{name: b, image: k}]");
        var containers = body["spec"]!["template"]!["spec"]!["containers"]!.AsArray();

        Assert.Equal(["b", "c"], containers.Select(static c => (string?)c!["name"]));
        Assert.Equal("k", (string?)containers[0]!["image"]);
        Assert.Null(containers[0]!["readinessProbe"]);
    }

    [Fact]
    public async Task Apply_ToTheScaledField_NamesTheScaler()
    {
        await ApplyDeploymentAsync("scaled", "one", "[{name: a, image: i}]", "\n  replicas: 1");
        await fixture.CallAsync("PATCH", Deployments + "/scaled/scale?fieldManager=scaler", """{"spec":{"replicas":5}}""", "application/merge-patch+json");
        var (code, body) = await ApplyDeploymentAsync("scaled", "one", "[{name: a, image: i}]", "\n  replicas: 1");
        var (released, kept) = await ApplyDeploymentAsync("scaled", "one", "[{name: a, image: i}]");

        Assert.Equal(409, code);
        Assert.Contains(".spec.replicas", (string?)body["message"]);
        Assert.Equal(200, released);
        Assert.Equal(5, (int?)kept["spec"]!["replicas"]);
    }

    [Theory]
    [InlineData("?force=true", 422)]
    [InlineData("", 422)]
    public async Task Apply_WithoutManager_IsInvalid(string query, int expected)
        => Assert.Equal(expected, (await fixture.CallAsync("PATCH", Maps + "/x" + query, "{apiVersion: v1, kind: ConfigMap, metadata: {name: x}}", Apply)).Code);

    [Fact]
    public async Task Apply_StatusSubresource_LeavesTheSpec()
    {
        await ApplyDeploymentAsync("statused", "one", "[{name: a, image: i}]");
        var (code, body) = await fixture.CallAsync("PATCH", Deployments + "/statused/status?fieldManager=ctl", "{apiVersion: apps/v1, kind: Deployment, metadata: {name: statused}, spec: {replicas: 9}, status: {replicas: 2}}", Apply);

        Assert.Equal(200, code);
        Assert.Equal(1, (int?)body["spec"]!["replicas"]);
        Assert.Equal(2, (int?)body["status"]!["replicas"]);
    }

    private static string? Fields(JsonNode obj, string manager)
        => obj["metadata"]!["managedFields"]!.AsArray().First(e => (string?)e!["manager"] == manager)!["fieldsV1"]!.ToJsonString();

    private Task<(int Code, JsonNode Body)> ApplyMapAsync(string name, string manager, string data, string query = "")
        => fixture.CallAsync("PATCH", $"{Maps}/{name}?fieldManager={manager}{query}", $"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\ndata: {data.Replace("1", "\"1\"", StringComparison.Ordinal).Replace("2", "\"2\"", StringComparison.Ordinal).Replace("3", "\"3\"", StringComparison.Ordinal)}\n", Apply);

    private Task<(int Code, JsonNode Body)> ApplyDeploymentAsync(string name, string manager, string containers, string spec = "")
        => fixture.CallAsync("PATCH", $"{Deployments}/{name}?fieldManager={manager}", $$$"""
            apiVersion: apps/v1
            kind: Deployment
            metadata: {name: {{{name}}}}
            spec:{{{spec}}}
              selector: {matchLabels: {app: x}}
              template:
                metadata: {labels: {app: x}}
                spec:
                  containers: {{{containers}}}
            """, Apply);
}
