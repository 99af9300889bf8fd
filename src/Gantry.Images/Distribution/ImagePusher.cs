using Gantry.Faults;
using Gantry.Images.Content;
using Gantry.Oci;

namespace Gantry.Images.Distribution;

/// <summary>Sends one image: layers in parallel where the registry has none, the configuration, the manifest last.</summary>
internal sealed class ImagePusher(ContentStore content, RegistryClient client, ProgressReporter progress, int parallel)
{
    private const int MaxAttempts = 3;

    /// <summary>
    /// Pushes under a tag. <paramref name="mountFrom"/> is a repository of the same registry that probably has the layers.
    /// </summary>
    public async Task PushAsync(
        Manifest manifest, Descriptor descriptor, ImageConfig config, string tag, string? mountFrom, CancellationToken cancellationToken)
    {
        var layers = manifest.Layers.Select((layer, i) => (Layer: layer, Id: config.RootFs.DiffIds[i].Short)).ToArray();
        foreach (var (_, id) in layers.Reverse())
        {
            progress.Report(id, "Preparing");
        }
        var options = new ParallelOptions { MaxDegreeOfParallelism = parallel, CancellationToken = cancellationToken };
        await Parallel.ForEachAsync(layers.DistinctBy(item => item.Layer.Digest), options, async (item, token) =>
            await PushBlobAsync(item.Layer, item.Id, mountFrom, token).ConfigureAwait(false)).ConfigureAwait(false);
        await PushBlobAsync(manifest.Config, null, null, cancellationToken).ConfigureAwait(false);
        var bytes = await content.ReadAsync(descriptor.Digest, cancellationToken).ConfigureAwait(false);
        await client.PutManifestAsync(tag, descriptor.MediaType, bytes, cancellationToken).ConfigureAwait(false);
    }

    private async Task PushBlobAsync(Descriptor blob, string? id, string? mountFrom, CancellationToken cancellationToken)
    {
        if (await client.HasBlobAsync(blob.Digest, cancellationToken).ConfigureAwait(false))
        {
            Say(id, "Layer already exists");
            return;
        }
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                Say(id, await SendAsync(blob, id, mountFrom, cancellationToken).ConfigureAwait(false) ? "Pushed" : $"Mounted from {mountFrom}");
                return;
            }
            catch (FaultException fault) when (fault.Kind == FaultKind.Unavailable && attempt < MaxAttempts)
            {
                // The connection broke, and the upload with it: it begins again as a new one.
                await Task.Delay(TimeSpan.FromMilliseconds(200 << attempt), cancellationToken).ConfigureAwait(false);
            }
        }
    }

    // False when the registry took the blob from another repository of its own.
    private async Task<bool> SendAsync(Descriptor blob, string? id, string? mountFrom, CancellationToken cancellationToken)
    {
        var location = await client.StartUploadAsync(blob.Digest, mountFrom, cancellationToken).ConfigureAwait(false);
        if (location is null)
        {
            return false;
        }
        await client.UploadAsync(
            location, blob.Digest, () => content.OpenRead(blob.Digest), blob.Size,
            sent =>
            {
                if (id is not null)
                {
                    progress.ReportBytes(id, "Pushing", sent, blob.Size);
                }
            },
            cancellationToken).ConfigureAwait(false);
        return true;
    }

    private void Say(string? id, string status)
    {
        if (id is not null)
        {
            progress.Report(id, status);
        }
    }
}
