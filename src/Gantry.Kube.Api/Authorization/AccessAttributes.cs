using Gantry.Kube.Api.Http;

namespace Gantry.Kube.Api.Authorization;

/// <summary>What a request wants to do. For a path that is no resource only <c>Verb</c> and <c>Path</c> are set.</summary>
internal sealed record AccessAttributes(string Verb, string Group = "", string Resource = "", string Subresource = "", string Name = "", string Namespace = "", string? Path = null)
{
    public bool IsResource => Path is null;

    /// <summary>The resource as rules name it: <c>pods</c> or <c>pods/log</c>.</summary>
    public string FullResource => Subresource.Length == 0 ? Resource : $"{Resource}/{Subresource}";

    public static AccessAttributes Of(RequestInfo info) => info.IsResource
        ? new(info.Verb, info.Group, info.Resource, info.Subresource ?? "", info.Name ?? "", info.Namespace ?? "")
        : new(info.Verb is "head" ? "get" : info.Verb, Path: info.Path);

    /// <summary>The denial as upstream words it.</summary>
    public string Denial(string user)
    {
        if (Path is not null)
        {
            return $"User \"{user}\" cannot {Verb} path \"{Path}\"";
        }

        var scope = Namespace.Length > 0 ? $"in the namespace \"{Namespace}\"" : "at the cluster scope";
        return $"User \"{user}\" cannot {Verb} resource \"{FullResource}\" in API group \"{Group}\" {scope}";
    }
}
