using Gantry.Kube.Model;

namespace Gantry.Kube.Client;

/// <summary>The name of an object within its type: <c>namespace/name</c>, or <c>name</c> for cluster-scoped types.</summary>
public static class ObjectKey
{
    /// <summary>The key of an object.</summary>
    public static string Of(IKubeObject obj) => Of(obj.Metadata.Namespace, obj.Metadata.Name!);

    /// <summary>The key of a name.</summary>
    public static string Of(string? ns, string name) => string.IsNullOrEmpty(ns) ? name : $"{ns}/{name}";

    /// <summary>The parts of a key.</summary>
    public static (string? Namespace, string Name) Split(string key)
    {
        var slash = key.IndexOf('/', StringComparison.Ordinal);
        return slash < 0 ? (null, key) : (key[..slash], key[(slash + 1)..]);
    }
}
