using Gantry.Faults;
using Gantry.Kube.Api.Resources;

namespace Gantry.Kube.Api.History;

/// <summary>What a command line means by <c>KIND</c> or <c>KIND/NAME</c>: a resource and perhaps one of its objects.</summary>
internal readonly record struct ObjectAddress(ResourceType Resource, string? Name)
{
    /// <summary>Reads an address as kubectl does: plural, singular, kind or short name, with or without the group.</summary>
    public static ObjectAddress Read(ResourceRegistry registry, string text)
    {
        var slash = text.IndexOf('/', StringComparison.Ordinal);
        var kind = slash < 0 ? text : text[..slash];
        var name = slash < 0 ? null : text[(slash + 1)..];
        if (name is "")
        {
            throw new FaultException(FaultKind.InvalidArgument, $"{text} has no name after the slash; give KIND/NAME such as deployment/web");
        }

        var found = registry.All.FirstOrDefault(resource => resource.StoredAs == resource && Means(resource, kind))
            ?? throw new FaultException(FaultKind.NotFound, $"the server doesn't have a resource type \"{kind}\"");
        return new ObjectAddress(found, name);
    }

    /// <summary>The resource of a key of the store, or null for a key that is no object's.</summary>
    public static ResourceType? OfKey(IReadOnlyDictionary<string, ResourceType> byPrefix, string key)
    {
        // /registry/PLURAL/... or /registry/GROUP/PLURAL/...
        var second = key.IndexOf('/', "/registry/".Length);
        var third = second < 0 ? -1 : key.IndexOf('/', second + 1);
        return (third >= 0 ? byPrefix.GetValueOrDefault(key[..(third + 1)]) : null)
            ?? (second >= 0 ? byPrefix.GetValueOrDefault(key[..(second + 1)]) : null);
    }

    private static bool Means(ResourceType resource, string kind) =>
        Same(kind, resource.Plural) || Same(kind, resource.Kind) || Same(kind, resource.Qualified)
        || (resource.Group.Length > 0 && Same(kind, $"{resource.Kind}.{resource.Group}"))
        || resource.Schema.ShortNames.Any(name => Same(kind, name));

    private static bool Same(string a, string b) => a.Equals(b, StringComparison.OrdinalIgnoreCase);
}
