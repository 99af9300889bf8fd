using Gantry.Oci;

namespace Gantry.Registry;

internal enum RegistryResource
{
    Base,
    Catalog,
    Manifest,
    Blob,
    UploadStart,
    Upload,
    Tags,
    Referrers,
}

/// <summary>What a path below /v2/ names. <c>Reference</c> is a tag, a digest or an upload's id.</summary>
internal sealed record RegistryRoute(RegistryResource Resource, string Name = "", string Reference = "")
{
    /// <summary>Parses a path, or null when it names nothing. A repository name may hold slashes, so it is read from the end.</summary>
    public static RegistryRoute? Parse(string path)
    {
        if (path is "/v2" or "/v2/")
        {
            return new RegistryRoute(RegistryResource.Base);
        }
        if (path == "/v2/_catalog")
        {
            return new RegistryRoute(RegistryResource.Catalog);
        }
        if (!path.StartsWith("/v2/", StringComparison.Ordinal))
        {
            return null;
        }
        var parts = path[4..].Split('/');
        var route = parts switch
        {
            [.. var name, "manifests", var reference] => Of(RegistryResource.Manifest, name, reference),
            [.. var name, "blobs", "uploads", ""] => Of(RegistryResource.UploadStart, name, ""),
            [.. var name, "blobs", "uploads"] => Of(RegistryResource.UploadStart, name, ""),
            [.. var name, "blobs", "uploads", var id] => Of(RegistryResource.Upload, name, id),
            [.. var name, "blobs", var digest] => Of(RegistryResource.Blob, name, digest),
            [.. var name, "tags", "list"] => Of(RegistryResource.Tags, name, ""),
            [.. var name, "referrers", var digest] => Of(RegistryResource.Referrers, name, digest),
            _ => null,
        };
        if (route is not null && !ReferenceGrammar.IsPath(route.Name))
        {
            throw RegistryException.NameInvalid(route.Name);
        }
        return route;
    }

    private static RegistryRoute Of(RegistryResource resource, string[] name, string reference) =>
        new(resource, string.Join('/', name), reference);
}
