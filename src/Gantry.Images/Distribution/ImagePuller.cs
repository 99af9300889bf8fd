using Gantry.Faults;
using Gantry.Images.Content;
using Gantry.Oci;

namespace Gantry.Images.Distribution;

/// <summary>What a registry's reference led to, all of it in the content store but for the layers' unpacking.</summary>
internal sealed record PulledImage(
    Descriptor Top, IReadOnlyList<Digest> Indexes, Descriptor ManifestDescriptor, Manifest Manifest, ImageConfig Config);

/// <summary>Fetches one image: index, manifest of the platform, configuration, then the layers in parallel.</summary>
internal sealed class ImagePuller(
    ContentStore content, ContentLease lease, RegistryClient client, ProgressReporter progress, int parallel)
{
    private const int MaxLayerAttempts = 5;
    private const int MaxConfigBytes = 8 << 20;

    /// <summary>Finds the manifest and configuration; layers are fetched by <see cref="FetchLayersAsync"/>.</summary>
    public async Task<PulledImage> FetchConfigAsync(ImageReference reference, Platform platform, CancellationToken cancellationToken)
    {
        var wanted = reference.Digest?.Value ?? reference.Tag ?? "latest";
        var (top, bytes) = await client.GetManifestAsync(wanted, cancellationToken).ConfigureAwait(false);
        var indexes = new List<Digest>();
        var descriptor = top;
        while (MediaTypes.IsIndex(descriptor.MediaType))
        {
            if (indexes.Count == 4)
            {
                throw new FaultException(FaultKind.InvalidArgument, $"{reference.Familiar}: indexes are nested too deeply");
            }
            await content.PutAsync(bytes, lease, cancellationToken).ConfigureAwait(false);
            indexes.Add(descriptor.Digest);
            var chosen = OciJson.Deserialize<ImageIndex>(bytes, "the image index").Select(platform)
                ?? throw new FaultException(FaultKind.NotFound, $"no matching manifest for {platform} in the manifest list entries");
            (descriptor, bytes) = await client.GetManifestAsync(chosen.Digest.Value, cancellationToken).ConfigureAwait(false);
        }
        var manifest = OciJson.Deserialize<Manifest>(bytes, "the image manifest");
        if (!MediaTypes.IsConfig(manifest.Config.MediaType))
        {
            throw new FaultException(FaultKind.InvalidArgument,
                $"{reference.Familiar} is no image: its configuration has the media type \"{manifest.Config.MediaType}\"");
        }
        await content.PutAsync(bytes, lease, cancellationToken).ConfigureAwait(false);
        if (manifest.Config.Size > MaxConfigBytes)
        {
            throw new FaultException(FaultKind.InvalidArgument, $"the image configuration of {manifest.Config.Size} bytes is too large");
        }
        await FetchBlobAsync(manifest.Config, null, cancellationToken).ConfigureAwait(false);
        var config = OciJson.Deserialize<ImageConfig>(
            await content.ReadAsync(manifest.Config.Digest, cancellationToken).ConfigureAwait(false), "the image configuration");
        return new PulledImage(top, indexes, descriptor, manifest, config);
    }

    /// <summary>Fetches the layers whose unpacked form is not there yet, a few at a time.</summary>
    public Task FetchLayersAsync(IReadOnlyList<Descriptor> layers, CancellationToken cancellationToken)
    {
        foreach (var layer in layers)
        {
            progress.Report(layer.Digest.Short, "Pulling fs layer");
        }
        var options = new ParallelOptions { MaxDegreeOfParallelism = parallel, CancellationToken = cancellationToken };
        return Parallel.ForEachAsync(layers, options, async (layer, token) =>
        {
            await FetchBlobAsync(layer, layer.Digest.Short, token).ConfigureAwait(false);
            progress.Report(layer.Digest.Short, "Download complete");
        });
    }

    private async Task FetchBlobAsync(Descriptor blob, string? id, CancellationToken cancellationToken)
    {
        using var turn = await content.EnterAsync(blob.Digest, cancellationToken).ConfigureAwait(false);
        if (lease.TryPin(blob.Digest))
        {
            return;
        }
        await using var ingest = content.BeginIngest();
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                await CopyAsync(blob, id, ingest, cancellationToken).ConfigureAwait(false);
                break;
            }
            catch (Exception error) when (error is IOException or HttpRequestException && attempt < MaxLayerAttempts)
            {
                // The connection broke: what came is kept, and the next request asks for the rest.
                await Task.Delay(TimeSpan.FromMilliseconds(200 << attempt), cancellationToken).ConfigureAwait(false);
            }
            catch (Exception error) when (error is IOException or HttpRequestException)
            {
                throw new FaultException(FaultKind.Unavailable, $"blob {blob.Digest}: {error.Message}", error);
            }
        }
        if (id is not null)
        {
            progress.Report(id, "Verifying Checksum");
        }
        if (ingest.Offset != blob.Size)
        {
            throw new FaultException(FaultKind.DataLoss,
                $"filesystem layer verification failed for digest {blob.Digest}: expected {blob.Size} bytes, got {ingest.Offset}");
        }
        try
        {
            await ingest.CommitAsync(lease, blob.Digest, blob.Size, cancellationToken).ConfigureAwait(false);
        }
        catch (FaultException fault) when (fault.Kind == FaultKind.DataLoss)
        {
            throw new FaultException(FaultKind.DataLoss, $"filesystem layer verification failed for digest {blob.Digest}", fault);
        }
    }

    private async Task CopyAsync(Descriptor blob, string? id, ContentIngest ingest, CancellationToken cancellationToken)
    {
        var (stream, offset) = await client.OpenBlobAsync(blob.Digest, ingest.Offset, cancellationToken).ConfigureAwait(false);
        await using (stream)
        {
            var skip = ingest.Offset - offset;
            var buffer = new byte[128 * 1024];
            int read;
            while ((read = await stream.ReadAsync(buffer, cancellationToken).ConfigureAwait(false)) > 0)
            {
                var fresh = buffer.AsMemory(0, read);
                if (skip > 0)
                {
                    var drop = (int)Math.Min(skip, read);
                    skip -= drop;
                    fresh = fresh[drop..];
                }
                if (ingest.Offset + fresh.Length > blob.Size)
                {
                    throw new FaultException(FaultKind.DataLoss, $"blob {blob.Digest}: the registry sent more than {blob.Size} bytes");
                }
                await ingest.WriteAsync(fresh, cancellationToken).ConfigureAwait(false);
                if (id is not null)
                {
                    progress.ReportBytes(id, "Downloading", ingest.Offset, blob.Size);
                }
            }
        }
        if (ingest.Offset < blob.Size)
        {
            throw new IOException($"unexpected EOF after {ingest.Offset} of {blob.Size} bytes");
        }
    }
}
