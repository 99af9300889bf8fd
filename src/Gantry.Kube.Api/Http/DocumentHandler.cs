using System.Text;
using Gantry.Kube.Api.Authentication;
using Gantry.Kube.Api.Discovery;
using Gantry.Kube.Api.Json;
using Gantry.Kube.Api.Requests;
using Microsoft.AspNetCore.Http;

namespace Gantry.Kube.Api.Http;

/// <summary>The paths that are no resources: discovery, version, health, OpenAPI, the token issuer's documents.</summary>
internal sealed class DocumentHandler(ServerCore core, TokenAuthority? tokens)
{
    /// <summary>The version whose API is served.</summary>
    private const string GitVersion = "v1.32.0+gantry";

    private readonly DiscoveryDocuments _discovery = new(core.Registry);
    private readonly Lazy<OpenApiDocuments> _openApi = new(() => new OpenApiDocuments(core.Registry));

    public Task HandleAsync(HttpContext http, RequestInfo info)
    {
        if (info.Verb is not ("get" or "head"))
        {
            throw StatusErrors.MethodNotAllowed();
        }

        var parts = info.Path.Split('/', StringSplitOptions.RemoveEmptyEntries);
        return parts switch
        {
            ["api"] => DiscoverAsync(http, core: true),
            ["apis"] => DiscoverAsync(http, core: false),
            ["api", "v1"] => TreeAsync(http, _discovery.Resources("", "v1")),
            ["apis", var group] => TreeAsync(http, _discovery.GroupDocument(group) ?? throw StatusErrors.UnknownPath()),
            ["apis", var group, var version] when _discovery.Has(group, version) => TreeAsync(http, _discovery.Resources(group, version)),
            ["version"] => TreeAsync(http, Version()),
            ["healthz" or "livez" or "readyz", ..] => HealthAsync(http),
            ["openapi", "v2"] => OpenApiV2Async(http),
            ["openapi", "v3"] => TreeAsync(http, _openApi.Value.V3Index()),
            ["openapi", "v3", .. var rest] => OpenApiV3Async(http, string.Join('/', rest)),
            [".well-known", "openid-configuration"] when tokens is not null => TreeAsync(http, OpenId()),
            ["openid", "v1", "jwks"] when tokens is not null => ResponseWriter.TreeAsync(http, 200, tokens.KeySet(), contentType: "application/jwk-set+json"),
            [] => TreeAsync(http, new JsonMap { ["paths"] = new List<object?> { "/api", "/api/v1", "/apis", "/healthz", "/livez", "/openapi/v2", "/openapi/v3", "/readyz", "/version" } }),
            _ => throw StatusErrors.UnknownPath(),
        };
    }

    private static Task TreeAsync(HttpContext http, JsonMap tree) => ResponseWriter.TreeAsync(http, 200, tree, Negotiated.Parse(http.Request.Headers.Accept).Format);

    private Task DiscoverAsync(HttpContext http, bool core)
    {
        foreach (var range in http.Request.Headers.Accept.ToString().Split(','))
        {
            foreach (var version in (string[])["v2", "v2beta1"])
            {
                if (range.Contains("g=apidiscovery.k8s.io", StringComparison.Ordinal) && range.Contains($"v={version};", StringComparison.Ordinal))
                {
                    return ResponseWriter.TreeAsync(http, 200, _discovery.Aggregated(core, version), contentType: $"application/json;g=apidiscovery.k8s.io;v={version};as=APIGroupDiscoveryList");
                }
            }
        }

        return TreeAsync(http, core ? DiscoveryDocuments.CoreVersions(http.Request.Host.Value ?? "") : _discovery.Groups());
    }

    private static Task HealthAsync(HttpContext http) => ResponseWriter.BytesAsync(http, 200, "ok"u8.ToArray(), "text/plain; charset=utf-8");

    private Task OpenApiV2Async(HttpContext http)
    {
        var accept = http.Request.Headers.Accept.ToString();
        return accept.Contains("openapi.spec.v2", StringComparison.Ordinal)
            ? ResponseWriter.BytesAsync(http, 200, _openApi.Value.V2Protobuf(), "application/com.github.proto-openapi.spec.v2.v1.0+protobuf")
            : ResponseWriter.BytesAsync(http, 200, _openApi.Value.V2Json(), "application/json");
    }

    private Task OpenApiV3Async(HttpContext http, string path)
    {
        var document = _openApi.Value.V3(path) ?? throw StatusErrors.UnknownPath();
        http.Response.Headers.ETag = $"\"{document.Hash}\"";
        return ResponseWriter.BytesAsync(http, 200, document.Json, "application/json");
    }

    private static JsonMap Version()
    {
        var architecture = System.Runtime.InteropServices.RuntimeInformation.ProcessArchitecture is System.Runtime.InteropServices.Architecture.Arm64 ? "arm64" : "amd64";
        return new JsonMap
        {
            ["major"] = "1",
            ["minor"] = "32",
            ["gitVersion"] = GitVersion,
            ["gitCommit"] = "",
            ["gitTreeState"] = "clean",
            ["buildDate"] = "1970-01-01T00:00:00Z",
            ["goVersion"] = "",
            ["compiler"] = "dotnet",
            ["platform"] = $"linux/{architecture}",
        };
    }

    private JsonMap OpenId() => new()
    {
        ["issuer"] = core.Options.Issuer,
        ["jwks_uri"] = core.Options.Issuer + "/openid/v1/jwks",
        ["response_types_supported"] = new List<object?> { "id_token" },
        ["subject_types_supported"] = new List<object?> { "public" },
        ["id_token_signing_alg_values_supported"] = new List<object?> { "ES256" },
    };
}
