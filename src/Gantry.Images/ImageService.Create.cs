using Gantry.Faults;
using Gantry.Images.Catalog;
using Gantry.Images.Content;
using Gantry.Images.Snapshots;
using Gantry.Oci;

namespace Gantry.Images;

public sealed partial class ImageService
{
    /// <summary>
    /// Registers an image: stores its configuration and an OCI manifest of the layers, whose blobs the lease must pin, and
    /// names it. <paramref name="config"/>'s RootFs must list the layers' DiffIDs. The same configuration and layers give the same
    /// image.
    /// </summary>
    public async Task<Image> CreateAsync(
        ImageConfig config, IReadOnlyList<Descriptor> layers, Digest? parent, IReadOnlyList<ImageReference> names,
        ContentLease lease, CancellationToken cancellationToken = default)
    {
        if (config.RootFs.DiffIds.Count != layers.Count)
        {
            throw new FaultException(FaultKind.Internal, $"an image of {layers.Count} layers lists {config.RootFs.DiffIds.Count} DiffIDs");
        }
        var configBytes = OciJson.Serialize(config);
        var id = await Content.PutAsync(configBytes, lease, cancellationToken).ConfigureAwait(false);
        var manifest = new Manifest
        {
            MediaType = MediaTypes.OciManifest,
            Config = new Descriptor { MediaType = MediaTypes.OciConfig, Digest = id, Size = configBytes.Length },
            Layers = layers,
        };
        var manifestBytes = OciJson.Serialize(manifest);
        var digest = await Content.PutAsync(manifestBytes, lease, cancellationToken).ConfigureAwait(false);
        var record = new ImageRecord
        {
            Manifest = new Descriptor { MediaType = MediaTypes.OciManifest, Digest = digest, Size = manifestBytes.Length },
            Parent = parent,
            Added = _options.Time.GetUtcNow(),
        };
        return await RegisterAsync(id, record, names, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>
    /// Makes an image of a snapshot's changes on an image (<c>docker commit</c>): <paramref name="configure"/> gets the base's
    /// configuration (or an empty one of this platform) and returns the new one, without the layer and its history entry, which
    /// are added here. The snapshot stays as it is.
    /// </summary>
    public async Task<Image> CommitAsync(
        string snapshotKey, Image? parent, Func<ImageConfig, ImageConfig> configure, HistoryEntry history,
        IReadOnlyList<ImageReference> names, CancellationToken cancellationToken = default)
    {
        using var lease = Content.CreateLease();
        var layer = await Snapshots.DiffAsync(snapshotKey, lease, cancellationToken).ConfigureAwait(false);
        await Snapshots.UnpackAsync(layer.Parent, layer.Blob, layer.DiffId, lease, cancellationToken).ConfigureAwait(false);
        var layers = parent is null ? [] : (await ReadManifestAsync(parent.Manifest.Digest, cancellationToken).ConfigureAwait(false)).Layers;
        var config = configure(parent?.Config ?? EmptyConfig());
        config = config with
        {
            RootFs = new RootFs { DiffIds = [.. config.RootFs.DiffIds, layer.DiffId] },
            History = [.. config.History ?? [], history],
        };
        return await CreateAsync(config, [.. layers, layer.Blob], parent?.Id, names, lease, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>The layers' descriptors of an image, the base first.</summary>
    public async Task<IReadOnlyList<Descriptor>> GetLayersAsync(Image image, CancellationToken cancellationToken = default) =>
        (await ReadManifestAsync(image.Manifest.Digest, cancellationToken).ConfigureAwait(false)).Layers;

    /// <summary>The configuration of an image that has nothing yet, for this machine's platform.</summary>
    public ImageConfig EmptyConfig() => new()
    {
        Architecture = _options.Platform.Architecture,
        Variant = _options.Platform.Variant,
        Os = _options.Platform.Os,
    };

    // Stores the record and the names; what the image had before (a parent, digests of other registries) is kept.
    private async Task<Image> RegisterAsync(Digest id, ImageRecord record, IReadOnlyList<ImageReference> names, CancellationToken cancellationToken)
    {
        var state = await _catalog.ChangeAsync(
            before =>
            {
                var present = before.Images.GetValueOrDefault(id);
                var merged = present is null ? record : Merge(present, record);
                var references = before.References;
                foreach (var name in names)
                {
                    references = references.SetItem(name.WithDefaultTag().ToString(), Reference(id));
                }
                return before with { Images = before.Images.SetItem(id, merged), References = references };
            },
            cancellationToken).ConfigureAwait(false);
        return await LoadAsync(state, id, cancellationToken).ConfigureAwait(false)
            ?? throw new FaultException(FaultKind.Internal, $"image {id} vanished while it was registered");
    }

    private static ImageRecord Merge(ImageRecord present, ImageRecord added) => present with
    {
        Parent = present.Parent ?? added.Parent,
        // The manifest that a registry knows is the one to push again.
        Manifest = added.RepoDigests is null ? present.Manifest : added.Manifest,
        Indexes = Union(present.Indexes, added.Indexes),
        RepoDigests = Union(present.RepoDigests, added.RepoDigests),
    };

    private static IReadOnlyList<T>? Union<T>(IReadOnlyList<T>? first, IReadOnlyList<T>? second) =>
        first is null ? second : second is null ? first : [.. first.Union(second)];
}
