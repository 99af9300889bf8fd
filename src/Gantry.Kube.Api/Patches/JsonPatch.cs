using System.Globalization;
using Gantry.Kube.Api.Json;
using Gantry.Kube.Api.Requests;

namespace Gantry.Kube.Api.Patches;

/// <summary>RFC 6902. A patch that does not fit is Invalid, as upstream.</summary>
internal static class JsonPatch
{
    /// <summary>Upstream's limit.</summary>
    private const int MaxOperations = 10_000;

    public static JsonMap Apply(JsonMap document, object? patch)
    {
        if (patch is not List<object?> operations)
        {
            throw StatusErrors.BadRequest("error decoding patch: json: cannot unmarshal object into Go value of type jsonpatch.Patch");
        }

        if (operations.Count > MaxOperations)
        {
            throw StatusErrors.TooLarge(MaxOperations);
        }

        object? root = document;
        foreach (var item in operations)
        {
            if (item is not JsonMap operation)
            {
                throw StatusErrors.BadRequest("error decoding patch: an operation has to be an object");
            }

            root = Apply(root, operation);
        }

        return root as JsonMap ?? throw Fail("the patched document is not an object");
    }

    private static object? Apply(object? root, JsonMap operation)
    {
        var path = Pointer(operation.Text("path") ?? throw Fail("operation has no path"));
        switch (operation.Text("op"))
        {
            case "add": return Add(root, path, JsonTree.Clone(operation.GetValueOrDefault("value")));
            case "remove": return Remove(root, path);
            case "replace":
                _ = Get(root, path);
                return path.Length == 0 ? JsonTree.Clone(operation.GetValueOrDefault("value")) : Set(root, path, JsonTree.Clone(operation.GetValueOrDefault("value")));
            case "move":
                var from = Pointer(operation.Text("from") ?? throw Fail("move has no from"));
                var moved = Get(root, from);
                return Add(Remove(root, from), path, moved);
            case "copy": return Add(root, path, JsonTree.Clone(Get(root, Pointer(operation.Text("from") ?? throw Fail("copy has no from")))));
            case "test":
                return JsonTree.Same(TryGet(root, path), operation.GetValueOrDefault("value"))
                    ? root
                    : throw Fail($"testing value {operation.Text("path")} failed");
            default: throw Fail($"Unexpected kind: {operation.Text("op")}");
        }
    }

    private static string[] Pointer(string path)
        => path.Length == 0 ? []
            : path[0] == '/' ? [.. path[1..].Split('/').Select(static p => p.Replace("~1", "/", StringComparison.Ordinal).Replace("~0", "~", StringComparison.Ordinal))]
            : throw Fail($"path {path} does not start with /");

    private static object? TryGet(object? root, string[] path)
    {
        foreach (var step in path)
        {
            if (root is JsonMap map && map.TryGetValue(step, out var value))
            {
                root = value;
            }
            else if (root is List<object?> list && Index(step, list.Count - 1) is { } index)
            {
                root = list[index];
            }
            else
            {
                return null;
            }
        }

        return root;
    }

    private static object? Get(object? root, string[] path)
    {
        for (var i = 0; i < path.Length; i++)
        {
            root = root switch
            {
                JsonMap map when map.TryGetValue(path[i], out var value) => value,
                List<object?> list when Index(path[i], list.Count - 1) is { } index => list[index],
                _ => throw Missing(path),
            };
        }

        return root;
    }

    private static object? Set(object? root, string[] path, object? value)
    {
        switch (Get(root, path[..^1]))
        {
            case JsonMap map: map[path[^1]] = value; break;
            case List<object?> list: list[Index(path[^1], list.Count - 1) ?? throw Missing(path)] = value; break;
            default: throw Missing(path);
        }

        return root;
    }

    private static object? Add(object? root, string[] path, object? value)
    {
        if (path.Length == 0)
        {
            return value;
        }

        switch (Get(root, path[..^1]))
        {
            case JsonMap map: map[path[^1]] = value; break;
            case List<object?> list when path[^1] == "-": list.Add(value); break;
            case List<object?> list: list.Insert(Index(path[^1], list.Count) ?? throw Missing(path), value); break;
            default: throw Missing(path);
        }

        return root;
    }

    private static object? Remove(object? root, string[] path)
    {
        if (path.Length == 0)
        {
            return null;
        }

        switch (Get(root, path[..^1]))
        {
            case JsonMap map when map.Remove(path[^1]): break;
            case List<object?> list when Index(path[^1], list.Count - 1) is { } index: list.RemoveAt(index); break;
            default: throw Missing(path);
        }

        return root;
    }

    private static int? Index(string step, int last)
        => int.TryParse(step, NumberStyles.None, CultureInfo.InvariantCulture, out var index) && index <= last ? index : null;

    private static Exception Missing(string[] path) => Fail($"doc is missing path: /{string.Join('/', path)}: missing value");

    private static Exception Fail(string message)
        => new Client.KubeStatusException(Faults.FaultKind.InvalidArgument, 422, "Invalid", "the server rejected our request due to an error in our request: " + message, new(null, null, null));
}
