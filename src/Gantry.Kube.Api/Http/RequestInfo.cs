namespace Gantry.Kube.Api.Http;

/// <summary>
/// What a request's method and path mean (as upstream's RequestInfo). For a request that names no resource only
/// <c>Verb</c> (the method in lower case) and <c>Path</c> are set.
/// </summary>
internal sealed record RequestInfo(string Path, string Verb)
{
    public bool IsResource { get; private init; }

    public string Group { get; private init; } = "";

    public string Version { get; private init; } = "";

    public string? Namespace { get; private init; }

    public string Resource { get; private init; } = "";

    public string? Name { get; private init; }

    public string? Subresource { get; private init; }

    /// <summary>What follows the subresource: the path behind <c>proxy</c>.</summary>
    public string Rest { get; private init; } = "";

    public static RequestInfo Parse(string method, string path, bool watch)
    {
        var parts = path.Split('/', StringSplitOptions.RemoveEmptyEntries);
        var fallback = new RequestInfo(path, method.ToLowerInvariant());
        var isCore = parts.Length >= 3 && parts[0] == "api";
        if (!isCore && !(parts.Length >= 4 && parts[0] == "apis"))
        {
            return fallback;
        }

        var group = isCore ? "" : parts[1];
        var version = isCore ? parts[1] : parts[2];
        var rest = parts.AsSpan(isCore ? 2 : 3);
        string? ns = null;
        if (rest[0] == "namespaces" && rest.Length > 1)
        {
            ns = rest[1];

            // /namespaces/x, /namespaces/x/status and /namespaces/x/finalize are about the namespace itself.
            if (rest.Length > 2 && rest[2] is not ("status" or "finalize"))
            {
                rest = rest[2..];
            }
        }

        var name = rest.Length > 1 ? rest[1] : null;
        return new RequestInfo(path, VerbOf(method, name, watch))
        {
            IsResource = true,
            Group = group,
            Version = version,
            Namespace = ns,
            Resource = rest[0],
            Name = name,
            Subresource = rest.Length > 2 ? rest[2] : null,
            Rest = rest.Length > 3 ? string.Join('/', rest[3..].ToArray()) : "",
        };
    }

    private static string VerbOf(string method, string? name, bool watch) => method switch
    {
        "GET" or "HEAD" when name is not null => "get",
        "GET" or "HEAD" => watch ? "watch" : "list",
        "POST" => "create",
        "PUT" => "update",
        "PATCH" => "patch",
        "DELETE" => name is not null ? "delete" : "deletecollection",
        _ => method.ToLowerInvariant(),
    };
}
