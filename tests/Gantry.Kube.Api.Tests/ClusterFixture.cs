using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;

namespace Gantry.Kube.Api.Tests;

/// <summary>One cluster for a class of tests; each test uses names of its own.</summary>
public sealed class ClusterFixture : IAsyncLifetime
{
    private HttpClient _admin = null!;

    public TestCluster Cluster { get; private set; } = null!;

    public async Task InitializeAsync()
    {
        Cluster = await TestCluster.StartAsync();
        _admin = Cluster.Admin();
    }

    public async Task DisposeAsync()
    {
        _admin.Dispose();
        await Cluster.DisposeAsync();
    }

    /// <summary>One request as the administrator; the status code and the body's JSON.</summary>
    public async Task<(int Code, JsonNode Body)> CallAsync(string method, string path, string? body = null, string contentType = "application/json", string? accept = null, HttpClient? client = null)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), path);
        if (body is not null)
        {
            request.Content = new ByteArrayContent(Encoding.UTF8.GetBytes(body));
            request.Content.Headers.ContentType = MediaTypeHeaderValue.Parse(contentType);
        }

        if (accept is not null)
        {
            request.Headers.TryAddWithoutValidation("Accept", accept);
        }

        using var response = await (client ?? _admin).SendAsync(request);
        var text = await response.Content.ReadAsStringAsync();
        return ((int)response.StatusCode, text.StartsWith('{') ? JsonNode.Parse(text)! : JsonValue.Create(text));
    }

    /// <summary>A deployment that is valid.</summary>
    public static string Deployment(string name, int replicas = 1) => $$$$$"""
        {"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"{{{{{name}}}}}"},"spec":{"replicas":{{{{{replicas}}}}},"selector":{"matchLabels":{"app":"{{{{{name}}}}}"}},
        "template":{"metadata":{"labels":{"app":"{{{{{name}}}}}"}},"spec":{"containers":[{"name":"c","image":"i"}]}}}}
        """;

    public static string ConfigMap(string name, string value = "v") => $$$"""{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"{{{name}}}","labels":{"t":"{{{name}}}"}},"data":{"k":"{{{value}}}"}}""";

    public static string Pod(string name) => $$$"""{"apiVersion":"v1","kind":"Pod","metadata":{"name":"{{{name}}}"},"spec":{"containers":[{"name":"c","image":"i"}]}}""";
}
