using System.Text;
using System.Text.Json;
using Gantry.Kube.Api.Json;
using Gantry.Kube.Api.Protobuf;
using Gantry.Kube.Api.Requests;
using Gantry.Kube.Api.Resources;
using Gantry.Schema;
using Microsoft.AspNetCore.Http;
using YamlDotNet.Core;

namespace Gantry.Kube.Api.Http;

/// <summary>Reads request bodies: bytes, then a tree, then an object of the expected kind.</summary>
internal static class BodyReader
{
    /// <summary>Upstream's limit for resource requests.</summary>
    private const int MaxBytes = 3 * 1024 * 1024;

    public static async Task<byte[]> ReadAsync(HttpContext http)
    {
        if (http.Request.ContentLength > MaxBytes)
        {
            throw StatusErrors.TooLarge(MaxBytes);
        }

        using var buffer = new MemoryStream((int)(http.Request.ContentLength ?? 0));
        var chunk = new byte[16 * 1024];
        int read;
        while ((read = await http.Request.Body.ReadAsync(chunk, http.RequestAborted).ConfigureAwait(false)) > 0)
        {
            if (buffer.Length + read > MaxBytes)
            {
                throw StatusErrors.TooLarge(MaxBytes);
            }

            buffer.Write(chunk, 0, read);
        }

        return buffer.Length == buffer.Capacity ? buffer.GetBuffer() : buffer.ToArray();
    }

    /// <summary>Parses JSON or YAML by content type. Duplicate fields are collected.</summary>
    public static object? Parse(byte[] body, string? contentType, List<string>? duplicates)
    {
        var type = contentType?.Split(';')[0].Trim() ?? "";
        try
        {
            return type switch
            {
                "" or "application/json" or "*/*" => JsonTree.Parse(body, duplicates),
                "application/yaml" or "text/yaml" or "application/apply-patch+yaml" => YamlTree.Parse(Encoding.UTF8.GetString(body), duplicates),
                _ => throw StatusErrors.UnsupportedMediaType("application/json, application/yaml, application/vnd.kubernetes.protobuf"),
            };
        }
        catch (Exception e) when (e is JsonException or YamlException)
        {
            throw StatusErrors.BadRequest($"the object provided is unrecognized (must be of type {(type.EndsWith("yaml", StringComparison.Ordinal) ? "YAML" : "JSON")}): {e.Message}");
        }
    }

    /// <summary>Parses a body as an object of a kind, normalized; unknown and duplicate fields as the options say.</summary>
    public static JsonMap ParseObject(byte[] body, string? contentType, SchemaType type, WriteOptions options)
    {
        var duplicates = new List<string>();
        var tree = IsProtobuf(contentType) ? ParseProtobuf(body, type) : Parse(body, contentType, duplicates);
        if (tree is not JsonMap map)
        {
            throw StatusErrors.BadRequest($"{type.Name} in version \"{type.Table.Version}\" cannot be handled as a {type.Name}: json: cannot unmarshal {(tree is null ? "null" : "array")} into Go value of type {type.Table.Version}.{type.Name}");
        }

        CheckKind(map, type);
        Normalize(map, type, duplicates, options);
        return map;
    }

    /// <summary>Parses a body whose kind the caller does not check further: a tree of the given type when it is protobuf.</summary>
    public static JsonMap ParseTree(byte[] body, string? contentType, SchemaType type)
        => (IsProtobuf(contentType) ? ParseProtobuf(body, type) : Parse(body, contentType, null) as JsonMap)
            ?? throw StatusErrors.BadRequest("the body has to be an object");

    /// <summary>Normalizes, and reports unknown and duplicate fields as the options say.</summary>
    public static void Normalize(JsonMap map, SchemaType type, List<string> duplicates, WriteOptions options)
    {
        var unknown = new List<string>();
        ObjectNormalizer.Normalize(map, type, unknown);
        unknown.AddRange(duplicates);
        if (unknown.Count == 0 || options.FieldValidation == "Ignore")
        {
            return;
        }

        if (options.FieldValidation == "Strict")
        {
            throw StatusErrors.BadRequest($"{type.Name} in version \"{type.Table.Version}\" cannot be handled as a {type.Name}: strict decoding error: {string.Join(", ", unknown)}");
        }

        options.Warnings.AddRange(unknown);
    }

    private static bool IsProtobuf(string? contentType) => contentType?.StartsWith("application/vnd.kubernetes.protobuf", StringComparison.Ordinal) == true;

    private static JsonMap ParseProtobuf(byte[] body, SchemaType type)
    {
        try
        {
            return ProtobufDecoder.Decode(body, type);
        }
        catch (InvalidDataException e)
        {
            throw StatusErrors.BadRequest($"the object provided is unrecognized (must be of type {type.Name}): {e.Message}");
        }
    }

    private static void CheckKind(JsonMap map, SchemaType type)
    {
        var apiVersion = map.Text("apiVersion") ?? "";
        var kind = map.Text("kind") ?? "";
        if (apiVersion.Length > 0 && apiVersion != type.Table.ApiVersion && !(type.Name == "DeleteOptions"))
        {
            throw StatusErrors.BadRequest($"the API version in the data ({apiVersion}) does not match the expected API version ({type.Table.ApiVersion})");
        }

        if (kind.Length > 0 && kind != type.Name)
        {
            throw StatusErrors.BadRequest($"{kind} in version \"{type.Table.Version}\" cannot be handled as a {type.Name}: the kind in the data ({kind}) does not match the expected kind ({type.Name})");
        }

        map["apiVersion"] = type.Table.ApiVersion;
        map["kind"] = type.Name;
    }
}
