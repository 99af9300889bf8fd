using System.Collections.Concurrent;
using System.Security.Cryptography;
using Gantry.Kube.Api.Json;
using Gantry.Kube.Api.Resources;
using Gantry.Schema;

namespace Gantry.Kube.Api.Discovery;

/// <summary>A rendered document and the hash that its URL carries.</summary>
internal sealed record OpenApiDocument(byte[] Json, string Hash);

/// <summary>OpenAPI v2 (whole) and v3 (one document a group and version), made from the schema when first asked for.</summary>
internal sealed class OpenApiDocuments(ResourceRegistry registry)
{
    private const string Title = "Kubernetes";
    private const string ServedVersion = "v1.32.0";

    private readonly ConcurrentDictionary<string, OpenApiDocument> _v3 = new();
    private readonly Lazy<JsonMap> _v2 = new(() => MakeV2(registry));

    /// <summary>/openapi/v3: where the documents are.</summary>
    public JsonMap V3Index()
    {
        var paths = new JsonMap();
        foreach (var path in Paths())
        {
            paths[path] = new JsonMap { ["serverRelativeURL"] = $"/openapi/v3/{path}?hash={V3(path)!.Hash}" };
        }

        return new JsonMap { ["paths"] = paths };
    }

    /// <summary>A version's document, as <c>apis/apps/v1</c>, or null.</summary>
    public OpenApiDocument? V3(string path)
        => _v3.TryGetValue(path, out var known) ? known
            : Paths().Contains(path) ? _v3.GetOrAdd(path, MakeV3)
            : null;

    public byte[] V2Json() => JsonTree.ToUtf8(_v2.Value);

    /// <summary>The v2 document in gnostic's protobuf encoding, which kubectl asks for.</summary>
    public byte[] V2Protobuf() => GnosticEncoder.Encode(_v2.Value);

    private IEnumerable<string> Paths() => registry.All.Select(PathOf).Distinct();

    private static string PathOf(ResourceType resource) => resource.Group.Length == 0 ? $"api/{resource.Version}" : $"apis/{resource.Group}/{resource.Version}";

    private OpenApiDocument MakeV3(string path)
    {
        var resources = registry.All.Where(r => PathOf(r) == path).ToList();
        var schemas = new OpenApiSchemas("#/components/schemas/");
        var document = new JsonMap { ["openapi"] = "3.0.0", ["info"] = Info(), ["paths"] = MakePaths(resources, schemas, v3: true) };
        document["components"] = new JsonMap { ["schemas"] = schemas.Definitions };
        var json = JsonTree.ToUtf8(document);
        return new OpenApiDocument(json, Convert.ToHexString(SHA512.HashData(json)));
    }

    private static JsonMap MakeV2(ResourceRegistry registry)
    {
        var schemas = new OpenApiSchemas("#/definitions/");
        var paths = MakePaths([.. registry.All], schemas, v3: false);
        return new JsonMap { ["swagger"] = "2.0", ["info"] = Info(), ["paths"] = paths, ["definitions"] = schemas.Definitions };
    }

    private static JsonMap Info() => new() { ["title"] = Title, ["version"] = ServedVersion };

    private static JsonMap MakePaths(List<ResourceType> resources, OpenApiSchemas schemas, bool v3)
    {
        var paths = new JsonMap();
        foreach (var resource in resources)
        {
            schemas.Add(resource.Schema);
            schemas.AddList(resource.Schema);
            var root = "/" + PathOf(resource) + (resource.Namespaced ? "/namespaces/{namespace}/" : "/") + resource.Plural;
            paths[root] = Operations(resource, schemas, v3, ["list", "create", "deletecollection"]);
            if (resource.Namespaced && resource.Allows("list"))
            {
                paths["/" + PathOf(resource) + "/" + resource.Plural] = Operations(resource, schemas, v3, ["list"]);
            }

            if (resource.Allows("get"))
            {
                paths[root + "/{name}"] = Operations(resource, schemas, v3, ["get", "update", "patch", "delete"]);
            }

            if (resource.HasSubresource("status"))
            {
                paths[root + "/{name}/status"] = Operations(resource, schemas, v3, ["get", "update", "patch"]);
            }
        }

        return paths;
    }

    private static JsonMap Operations(ResourceType resource, OpenApiSchemas schemas, bool v3, string[] verbs)
    {
        var item = new JsonMap();
        foreach (var verb in verbs.Where(resource.Allows))
        {
            var method = verb switch { "create" => "post", "update" => "put", "patch" => "patch", "delete" or "deletecollection" => "delete", _ => "get" };
            var schema = schemas.Reference(verb == "list" ? OpenApiSchemas.NameOf(resource.Schema) + "List" : OpenApiSchemas.NameOf(resource.Schema));
            var response = new JsonMap { ["description"] = "OK" };
            if (v3)
            {
                response["content"] = new JsonMap { ["application/json"] = new JsonMap { ["schema"] = schema } };
            }
            else
            {
                response["schema"] = schema;
            }

            var operation = new JsonMap { ["operationId"] = $"{verb}{resource.Group.Split('.')[0]}{resource.Version}{resource.Kind}{item.Count}" };
            if (verb is "create" or "update" or "patch")
            {
                operation["parameters"] = ((string[])["dryRun", "fieldManager", "fieldValidation"]).Select(p => Parameter(p, v3)).ToList<object?>();
            }

            operation["responses"] = new JsonMap { [verb == "create" ? "201" : "200"] = response };
            operation["x-kubernetes-action"] = verb;
            operation["x-kubernetes-group-version-kind"] = new JsonMap { ["group"] = resource.Group, ["kind"] = resource.Kind, ["version"] = resource.Version };
            item[method] = operation;
        }

        return item;
    }

    private static JsonMap Parameter(string name, bool v3)
    {
        var parameter = new JsonMap { ["name"] = name, ["in"] = "query" };
        if (v3)
        {
            parameter["schema"] = new JsonMap { ["type"] = "string" };
        }
        else
        {
            parameter["type"] = "string";
        }

        return parameter;
    }
}
