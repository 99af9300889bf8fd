using System.Net;

namespace Gantry.Kube.Api.Tests.Requests;

public sealed class ServiceTests
{
    private const string Services = "/api/v1/namespaces/default/services";

    [Fact]
    public async Task Addresses_SurviveARestartAndAreReleasedOnDelete()
    {
        var root = Directory.CreateTempSubdirectory("kube-api-test-").FullName;
        var copy = root + "-copy";
        string? address;
        await using (var fixture = new Scope(await TestCluster.StartAsync(root: root)))
        {
            var (_, made) = await fixture.Calls.CallAsync("POST", Services, Service("kept", "\"clusterIP\":\"10.43.7.7\",\"type\":\"NodePort\"", "\"nodePort\":30777"), client: fixture.Http);
            address = (string?)made["spec"]!["clusterIP"];
            // As a kill leaves them: the files of a store that was not closed, without its lock, which goes with its process.
            foreach (var file in Directory.CreateDirectory(copy).FullName is var to ? Directory.GetFiles(root, "store*.db*") : [])
            {
                if (!file.EndsWith(".lock", StringComparison.Ordinal))
                {
                    File.Copy(file, Path.Combine(to, Path.GetFileName(file)));
                }
            }
        }

        await using var again = new Scope(await TestCluster.StartAsync(root: copy));
        var (code, taken) = await again.Calls.CallAsync("POST", Services, Service("thief", "\"clusterIP\":\"10.43.7.7\"", ""), client: again.Http);
        var (portCode, portTaken) = await again.Calls.CallAsync("POST", Services, Service("thief", "\"type\":\"NodePort\"", "\"nodePort\":30777"), client: again.Http);
        await again.Calls.CallAsync("DELETE", Services + "/kept", client: again.Http);
        var (freed, _) = await again.Calls.CallAsync("POST", Services, Service("heir", "\"clusterIP\":\"10.43.7.7\",\"type\":\"NodePort\"", "\"nodePort\":30777"), client: again.Http);

        Assert.Equal("10.43.7.7", address);
        Assert.Equal(422, code);
        Assert.Equal("Service \"thief\" is invalid: spec.clusterIPs: Invalid value: []string{\"10.43.7.7\"}: failed to allocate IP 10.43.7.7: provided IP is already allocated", (string?)taken["message"]);
        Assert.Equal(422, portCode);
        Assert.Equal("Service \"thief\" is invalid: spec.ports[0].nodePort: Invalid value: 30777: provided port is already allocated", (string?)portTaken["message"]);
        Assert.Equal(201, freed);
    }

    [Fact]
    public async Task Range_Full_RefusesAndReleasesInTurn()
    {
        await using var scope = new Scope(await TestCluster.StartAsync(options: new KubeApiOptions { ServiceRange = IPNetwork.Parse("10.99.0.0/29"), FirstNodePort = 30000, LastNodePort = 30002 }));
        var codes = new List<int>();
        for (var i = 0; i < 6; i++)
        {
            codes.Add((await scope.Calls.CallAsync("POST", Services, Service($"s{i}", "", ""), client: scope.Http)).Code);
        }

        await scope.Calls.CallAsync("DELETE", Services + "/s2", client: scope.Http);
        codes.Add((await scope.Calls.CallAsync("POST", Services, Service("again", "", ""), client: scope.Http)).Code);

        // Six usable addresses, one of them that of the service kubernetes.
        Assert.Equal([201, 201, 201, 201, 201, 500, 201], codes);
    }

    [Fact]
    public async Task TypeChanges_GiveAndTakeNodePortsAndKeepTheAddress()
    {
        await using var scope = new Scope(await TestCluster.StartAsync());
        var (_, first) = await scope.Calls.CallAsync("POST", Services, Service("change", "", ""), client: scope.Http);
        var (_, second) = await scope.Calls.CallAsync("PATCH", Services + "/change", """{"spec":{"type":"NodePort"}}""", "application/merge-patch+json", client: scope.Http);
        var (_, third) = await scope.Calls.CallAsync("PUT", Services + "/change", Service("change", "\"type\":\"NodePort\"", ""), client: scope.Http);
        var (_, fourth) = await scope.Calls.CallAsync("PATCH", Services + "/change", """{"spec":{"type":"ClusterIP"}}""", "application/merge-patch+json", client: scope.Http);
        var (code, moved) = await scope.Calls.CallAsync("PATCH", Services + "/change", """{"spec":{"clusterIP":"10.43.1.1"}}""", "application/merge-patch+json", client: scope.Http);

        var address = (string?)first["spec"]!["clusterIP"];
        Assert.Null(first["spec"]!["ports"]![0]!["nodePort"]);
        Assert.InRange((int)second["spec"]!["ports"]![0]!["nodePort"]!, 30000, 32767);
        Assert.Equal((int?)second["spec"]!["ports"]![0]!["nodePort"], (int?)third["spec"]!["ports"]![0]!["nodePort"]);
        Assert.Equal(address, (string?)third["spec"]!["clusterIP"]);
        Assert.Null(fourth["spec"]!["ports"]![0]!["nodePort"]);
        Assert.Equal(422, code);
        Assert.Contains("spec.clusterIPs[0]: Invalid value: \"10.43.1.1\": may not change once set", (string?)moved["message"]);
    }

    private static string Service(string name, string spec, string port)
        => $$$"""{"apiVersion":"v1","kind":"Service","metadata":{"name":"{{{name}}}"},"spec":{"ports":[{"port":80{{{(port.Length > 0 ? "," : "")}}}{{{port}}}}]{{{(spec.Length > 0 ? "," : "")}}}{{{spec}}}}}""";

    private sealed class Scope(TestCluster cluster) : IAsyncDisposable
    {
        public ClusterFixture Calls { get; } = new();

        public HttpClient Http { get; } = cluster.Admin();

        public async ValueTask DisposeAsync()
        {
            Http.Dispose();
            await cluster.DisposeAsync();
        }
    }
}
