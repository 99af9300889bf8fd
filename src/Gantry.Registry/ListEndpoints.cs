using System.Globalization;
using Gantry.Images;
using Gantry.Oci;
using Microsoft.AspNetCore.Http;

namespace Gantry.Registry;

/// <summary>Repositories, tags and referrers.</summary>
internal sealed class ListEndpoints(ImageService images)
{
    public Task CatalogAsync(HttpContext context)
    {
        var page = Page(context, images.Repositories.All.Keys, "/v2/_catalog");
        return RegistryHandler.WriteJsonAsync(context, 200, new Catalog(page), RegistryJson.Default.Catalog);
    }

    public Task TagsAsync(HttpContext context, string name)
    {
        var repository = images.Repositories.TryGet(name) ?? throw RegistryException.NameUnknown(name);
        // Distribution specification, "Listing Tags": case-insensitive order.
        var tags = repository.Tags.Keys.Order(StringComparer.OrdinalIgnoreCase.ThenOrdinal());
        var page = Page(context, tags, $"/v2/{name}/tags/list");
        return RegistryHandler.WriteJsonAsync(context, 200, new TagList(name, page), RegistryJson.Default.TagList);
    }

    public Task ReferrersAsync(HttpContext context, string name, string reference)
    {
        var digest = BlobEndpoints.ParseDigest(reference);
        var referrers = (images.Repositories.TryGet(name)?.Manifests.Values ?? [])
            .Where(manifest => manifest.Subject == digest)
            .Select(manifest => manifest.Descriptor)
            .OrderBy(descriptor => descriptor.Digest)
            .ToArray();
        if (context.Request.Query.TryGetValue("artifactType", out var type) && type.ToString().Length > 0)
        {
            referrers = [.. referrers.Where(descriptor => descriptor.ArtifactType == type.ToString())];
            context.Response.Headers["OCI-Filters-Applied"] = "artifactType";
        }
        var index = new ImageIndex { MediaType = MediaTypes.OciIndex, Manifests = referrers };
        return RegistryHandler.WriteJsonAsync(context, 200, index, OciJson.TypeInfo<ImageIndex>(), MediaTypes.OciIndex);
    }

    // "n" entries after "last", and a link to the next page when there is one (RFC 8288).
    private static string[] Page(HttpContext context, IEnumerable<string> all, string path)
    {
        var names = all.ToArray();
        var last = context.Request.Query["last"].ToString();
        if (last.Length > 0)
        {
            var at = Array.IndexOf(names, last);
            var comparer = StringComparer.OrdinalIgnoreCase.ThenOrdinal();
            names = at >= 0 ? names[(at + 1)..] : [.. names.Where(name => comparer.Compare(name, last) > 0)];
        }
        if (!context.Request.Query.TryGetValue("n", out var text))
        {
            return names;
        }
        if (!int.TryParse(text.ToString(), NumberStyles.None, CultureInfo.InvariantCulture, out var count))
        {
            throw new RegistryException(400, "PAGINATION_NUMBER_INVALID", "invalid number of results requested", text.ToString());
        }
        if (count > 0 && count < names.Length)
        {
            context.Response.Headers.Link = string.Create(CultureInfo.InvariantCulture, $"<{path}?n={count}&last={Uri.EscapeDataString(names[count - 1])}>; rel=\"next\"");
        }
        return names[..Math.Min(count, names.Length)];
    }
}
