using System.Text.Json;
using Gantry.Faults;
using Gantry.Images;
using Gantry.Images.Content;
using Gantry.Images.Repositories;
using Gantry.Oci;
using Microsoft.AspNetCore.Http;

namespace Gantry.Registry;

/// <summary>Manifests, by tag and by digest.</summary>
internal sealed class ManifestEndpoints(ImageService images)
{
    // The specification asks for at least this; docker's registry takes no more.
    private const int MaxManifestBytes = 4 << 20;

    public async Task GetAsync(HttpContext context, string name, string reference)
    {
        var repository = images.Repositories.TryGet(name) ?? throw RegistryException.NameUnknown(name);
        var digest = Digest.TryParse(reference, out var parsed) ? parsed
            : repository.Tags.TryGetValue(reference, out var tagged) ? tagged
            : throw RegistryException.ManifestUnknown(reference);
        if (!repository.Manifests.TryGetValue(digest, out var manifest))
        {
            throw RegistryException.ManifestUnknown(reference);
        }
        var response = context.Response;
        response.Headers["Docker-Content-Digest"] = digest.Value;
        response.Headers.ETag = $"\"{digest}\"";
        if (context.Request.Headers.IfNoneMatch.ToString().Contains(digest.Value, StringComparison.Ordinal))
        {
            response.StatusCode = StatusCodes.Status304NotModified;
            return;
        }
        response.ContentType = manifest.Descriptor.MediaType;
        response.ContentLength = manifest.Descriptor.Size;
        if (!HttpMethods.IsHead(context.Request.Method))
        {
            var content = await images.Content.ReadAsync(digest, context.RequestAborted).ConfigureAwait(false);
            await response.Body.WriteAsync(content, context.RequestAborted).ConfigureAwait(false);
        }
    }

    public async Task PutAsync(HttpContext context, string name, string reference)
    {
        var content = await ReadBodyAsync(context).ConfigureAwait(false);
        var isDigest = Digest.TryParse(reference, out var digest);
        if (!isDigest && reference.Contains(':', StringComparison.Ordinal))
        {
            throw new RegistryException(400, "DIGEST_INVALID", "invalid checksum digest format", reference);
        }
        if (!isDigest && !ReferenceGrammar.IsTag(reference))
        {
            throw new RegistryException(400, "TAG_INVALID", "manifest tag did not match URI", reference);
        }
        if (isDigest && !digest.Verify(content))
        {
            throw RegistryException.DigestInvalid($"the manifest has the digest {Digest.OfBytes(content)}, the path says {digest}");
        }
        var parsed = ParsedManifest.Parse(content, context.Request.ContentType);
        using var lease = images.Content.CreateLease();
        await LinkReferencedAsync(name, parsed, lease, context.RequestAborted).ConfigureAwait(false);
        digest = await StoreAsync(content, isDigest ? digest : null, lease, context.RequestAborted).ConfigureAwait(false);
        var record = new RepositoryManifest
        {
            Descriptor = new Descriptor
            {
                MediaType = parsed.MediaType,
                Digest = digest,
                Size = content.Length,
                ArtifactType = parsed.Subject is null ? null : parsed.ArtifactType,
                Annotations = parsed.Subject is null ? null : parsed.Annotations,
            },
            Subject = parsed.Subject,
        };
        await images.Repositories.PutManifestAsync(name, record, isDigest ? [] : [reference], CancellationToken.None).ConfigureAwait(false);
        context.Response.StatusCode = StatusCodes.Status201Created;
        context.Response.Headers.Location = $"/v2/{name}/manifests/{digest}";
        context.Response.Headers["Docker-Content-Digest"] = digest.Value;
        if (parsed.Subject is { } subject)
        {
            context.Response.Headers["OCI-Subject"] = subject.Value;
        }
        context.Response.ContentLength = 0;
    }

    public async Task DeleteAsync(HttpContext context, string name, string reference)
    {
        if (images.Repositories.TryGet(name) is null)
        {
            throw RegistryException.NameUnknown(name);
        }
        var removed = Digest.TryParse(reference, out var digest)
            ? await images.Repositories.RemoveManifestAsync(name, digest, context.RequestAborted).ConfigureAwait(false)
            : await images.Repositories.RemoveTagAsync(name, reference, context.RequestAborted).ConfigureAwait(false);
        if (!removed)
        {
            throw RegistryException.ManifestUnknown(reference);
        }
        context.Response.StatusCode = StatusCodes.Status202Accepted;
    }

    private async Task<Digest> StoreAsync(byte[] content, Digest? expected, ContentLease lease, CancellationToken cancellationToken)
    {
        if (expected is not { } digest)
        {
            return await images.Content.PutAsync(content, lease, cancellationToken).ConfigureAwait(false);
        }
        await using var ingest = images.Content.BeginIngest();
        await ingest.WriteAsync(content, cancellationToken).ConfigureAwait(false);
        return (await ingest.CommitAsync(lease, digest, null, cancellationToken).ConfigureAwait(false)).Digest;
    }

    // Everything that the manifest needs must be there; what the engine has is linked.
    private async Task LinkReferencedAsync(string name, ParsedManifest parsed, ContentLease lease, CancellationToken cancellationToken)
    {
        var repository = images.Repositories.TryGet(name) ?? Repository.Empty;
        foreach (var manifest in parsed.Manifests)
        {
            if (!repository.Manifests.ContainsKey(manifest))
            {
                throw new RegistryException(404, "MANIFEST_BLOB_UNKNOWN", "manifest references a manifest or blob unknown to registry", manifest.Value);
            }
        }
        var unlinked = new List<Digest>();
        foreach (var blob in parsed.Blobs)
        {
            if (!lease.TryPin(blob))
            {
                throw new RegistryException(404, "MANIFEST_BLOB_UNKNOWN", "manifest references a manifest or blob unknown to registry", blob.Value);
            }
            if (!repository.Blobs.ContainsKey(blob))
            {
                unlinked.Add(blob);
            }
        }
        if (unlinked.Count > 0)
        {
            await images.Repositories.LinkBlobsAsync(name, unlinked, cancellationToken).ConfigureAwait(false);
        }
    }

    private static async Task<byte[]> ReadBodyAsync(HttpContext context)
    {
        var body = new MemoryStream();
        var buffer = new byte[16 * 1024];
        int read;
        while ((read = await context.Request.Body.ReadAsync(buffer, context.RequestAborted).ConfigureAwait(false)) > 0)
        {
            body.Write(buffer, 0, read);
            if (body.Length > MaxManifestBytes)
            {
                throw new RegistryException(413, "MANIFEST_INVALID", $"manifest invalid: it is larger than {MaxManifestBytes} bytes");
            }
        }
        return body.ToArray();
    }

    /// <summary>What the registry must know of a manifest.</summary>
    private sealed record ParsedManifest(
        string MediaType, IReadOnlyList<Digest> Blobs, IReadOnlyList<Digest> Manifests, Digest? Subject, string? ArtifactType,
        Dictionary<string, string>? Annotations)
    {
        public static ParsedManifest Parse(byte[] content, string? contentType)
        {
            var declared = contentType?.Split(';')[0].Trim();
            try
            {
                return MediaTypes.IsIndex(declared) ? OfIndex(OciJson.Deserialize<ImageIndex>(content, "the index"), declared!)
                    : MediaTypes.IsManifest(declared) ? OfManifest(OciJson.Deserialize<Manifest>(content, "the manifest"), declared!)
                    : throw RegistryException.ManifestInvalid($"the media type \"{declared}\" is no manifest's");
            }
            catch (Exception error) when (error is FaultException or JsonException)
            {
                throw RegistryException.ManifestInvalid(error.Message);
            }
        }

        private static ParsedManifest OfIndex(ImageIndex index, string mediaType)
        {
            Check(index.SchemaVersion, index.MediaType, mediaType);
            return new ParsedManifest(
                mediaType, [], [.. index.Manifests.Select(manifest => manifest.Digest)], index.Subject?.Digest, index.ArtifactType, index.Annotations);
        }

        private static ParsedManifest OfManifest(Manifest manifest, string mediaType)
        {
            Check(manifest.SchemaVersion, manifest.MediaType, mediaType);
            var layers = manifest.Layers.Where(layer => layer.Urls is null && layer.MediaType != MediaTypes.DockerForeignLayer);
            var blobs = layers.Select(layer => layer.Digest).Append(manifest.Config.Digest).Distinct().ToArray();
            if (blobs.Any(blob => blob.IsEmpty))
            {
                throw RegistryException.ManifestInvalid("a descriptor has no digest");
            }
            // Referrers API: an image's artifact type is its configuration's media type when it names none.
            return new ParsedManifest(
                mediaType, blobs, [], manifest.Subject?.Digest, manifest.ArtifactType ?? manifest.Config.MediaType, manifest.Annotations);
        }

        private static void Check(int schemaVersion, string? inside, string declared)
        {
            if (schemaVersion != 2)
            {
                throw RegistryException.ManifestInvalid($"schemaVersion is {schemaVersion}, not 2");
            }
            if (!string.IsNullOrEmpty(inside) && inside != declared)
            {
                throw RegistryException.ManifestInvalid($"the manifest says it is \"{inside}\", Content-Type says \"{declared}\"");
            }
        }
    }
}
