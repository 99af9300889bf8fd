using System.Text.Json;
using Gantry.Faults;
using Gantry.Images.Content;
using Gantry.Images.Tar;
using Gantry.Linux.Trees;
using Gantry.Oci;

namespace Gantry.Images.Archives;

/// <summary>Reads an extracted archive: docker's manifest.json when there is one, else an OCI layout.</summary>
internal sealed class ArchiveReader(ImageService images, Tree tree, ContentLease lease)
{
    private const int MaxJsonBytes = 8 << 20;

    public async Task<IReadOnlyList<Image>> ReadAsync(CancellationToken cancellationToken)
    {
        if (tree.TryStat("manifest.json") is { IsRegular: true })
        {
            return await ReadDockerAsync(cancellationToken).ConfigureAwait(false);
        }
        if (tree.TryStat("index.json") is { IsRegular: true })
        {
            return await ReadLayoutAsync(cancellationToken).ConfigureAwait(false);
        }
        throw new FaultException(FaultKind.InvalidArgument, "the archive is no image: it has neither manifest.json nor index.json");
    }

    private async Task<IReadOnlyList<Image>> ReadDockerAsync(CancellationToken cancellationToken)
    {
        IReadOnlyList<ArchiveManifest> entries;
        try
        {
            entries = ImagesJson.Deserialize<List<ArchiveManifest>>(ReadJson("manifest.json"));
        }
        catch (JsonException error)
        {
            throw new FaultException(FaultKind.InvalidArgument, $"manifest.json is not valid: {error.Message}", error);
        }
        var loaded = new List<Image>();
        foreach (var entry in entries)
        {
            var configBytes = ReadJson(entry.Config);
            var config = await images.Content.PutAsync(configBytes, lease, cancellationToken).ConfigureAwait(false);
            var layers = new List<Descriptor>();
            foreach (var path in entry.Layers)
            {
                await using var layer = Open(path);
                layers.Add((await images.StoreLayerAsync(layer, lease, cancellationToken).ConfigureAwait(false)).Blob);
            }
            var manifest = OciJson.Serialize(new Manifest
            {
                MediaType = MediaTypes.OciManifest,
                Config = new Descriptor { MediaType = MediaTypes.OciConfig, Digest = config, Size = configBytes.Length },
                Layers = layers,
            });
            var digest = await images.Content.PutAsync(manifest, lease, cancellationToken).ConfigureAwait(false);
            var names = (entry.RepoTags ?? []).Select(ImageReference.Parse).ToArray();
            var descriptor = new Descriptor { MediaType = MediaTypes.OciManifest, Digest = digest, Size = manifest.Length };
            loaded.Add(await images.RegisterLoadedAsync(descriptor, lease, names, cancellationToken).ConfigureAwait(false));
        }
        return loaded;
    }

    private async Task<IReadOnlyList<Image>> ReadLayoutAsync(CancellationToken cancellationToken)
    {
        var loaded = new List<Image>();
        var index = OciJson.Deserialize<ImageIndex>(ReadJson("index.json"), "index.json");
        foreach (var entry in index.Manifests)
        {
            var descriptor = entry;
            while (MediaTypes.IsIndex(descriptor.MediaType))
            {
                await IngestAsync(descriptor, cancellationToken).ConfigureAwait(false);
                descriptor = OciJson.Deserialize<ImageIndex>(
                    await images.Content.ReadAsync(descriptor.Digest, cancellationToken).ConfigureAwait(false), "an image index").Select(Platform.Host)
                    ?? throw new FaultException(FaultKind.NotFound, $"no matching manifest for {Platform.Host} in the archive");
            }
            await IngestAsync(descriptor, cancellationToken).ConfigureAwait(false);
            var manifest = await images.ReadManifestAsync(descriptor.Digest, cancellationToken).ConfigureAwait(false);
            foreach (var blob in manifest.Layers.Append(manifest.Config))
            {
                await IngestAsync(blob, cancellationToken).ConfigureAwait(false);
            }
            loaded.Add(await images.RegisterLoadedAsync(
                descriptor with { Annotations = null, Platform = null }, lease, NamesOf(entry), cancellationToken).ConfigureAwait(false));
        }
        return loaded;
    }

    private static ImageReference[] NamesOf(Descriptor entry)
    {
        var name = entry.Annotations?.GetValueOrDefault("io.containerd.image.name") ?? entry.Annotations?.GetValueOrDefault("org.opencontainers.image.ref.name");
        // A bare tag (as other tools write it) names no repository.
        return name is not null && name.AsSpan().ContainsAny(':', '/') && ImageReference.TryParse(name, out var reference, out _) ? [reference] : [];
    }

    private async Task IngestAsync(Descriptor blob, CancellationToken cancellationToken)
    {
        if (lease.TryPin(blob.Digest))
        {
            return;
        }
        await using var file = Open($"blobs/{blob.Digest.Algorithm}/{blob.Digest.Hex}");
        await using var ingest = images.Content.BeginIngest();
        await ingest.CopyFromAsync(file, null, cancellationToken).ConfigureAwait(false);
        await ingest.CommitAsync(lease, blob.Digest, blob.Size, cancellationToken).ConfigureAwait(false);
    }

    private byte[] ReadJson(string path)
    {
        using var file = Open(path);
        if (file.Length > MaxJsonBytes)
        {
            throw new FaultException(FaultKind.InvalidArgument, $"{path} of {file.Length} bytes is too large");
        }
        var bytes = new byte[file.Length];
        file.ReadExactly(bytes);
        return bytes;
    }

    // Old archives link a layer that two images share; the link stays inside.
    private FileStream Open(string path)
    {
        var clean = TarPath.Clean(path);
        return tree.TryStatFollowed(clean) is { IsRegular: true }
            ? tree.OpenRead(clean, follow: true)
            : throw new FaultException(FaultKind.InvalidArgument, $"the archive lacks {path}");
    }
}
