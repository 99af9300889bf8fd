using System.Collections.Concurrent;
using Gantry.Faults;
using Gantry.Images.Catalog;
using Gantry.Images.Content;
using Gantry.Images.Repositories;
using Gantry.Images.Snapshots;
using Gantry.Oci;
using Gantry.Store;

namespace Gantry.Images;

/// <summary>
/// The images of one machine: what the Docker door, the kubelet, the builder and the registry share. An image is known by
/// its id (the configuration's digest) and by any number of names. Everything that returns was made durable before.
/// <para>Safe for concurrent use. One process at a time may open a root.</para>
/// </summary>
public sealed partial class ImageService
{
    private readonly ImageServiceOptions _options;
    private readonly ImageCatalog _catalog;
    private readonly ConcurrentDictionary<Digest, ImageConfig> _configs = new();

    private ImageService(
        ImageServiceOptions options, ImageCatalog catalog, ContentStore content, SnapshotStore snapshots, RepositoryStore repositories)
    {
        Repositories = repositories;
        _options = options;
        _catalog = catalog;
        Content = content;
        Snapshots = snapshots;
    }

    /// <summary>The blobs.</summary>
    public ContentStore Content { get; }

    /// <summary>Unpacked layers, and the writable root file systems on them.</summary>
    public SnapshotStore Snapshots { get; }

    /// <summary>The repositories of Gantry's own registry, over the same blobs.</summary>
    public RepositoryStore Repositories { get; }

    /// <summary>
    /// Says which containers use an image; asked before an image is removed. Set once, by whoever owns containers; until then
    /// nothing is in use.
    /// </summary>
    public Func<Digest, IReadOnlyList<ImageUse>> UsedBy { get; set; } = static _ => [];

    /// <summary>Opens the images below a root, repairing what a crash left half done.</summary>
    public static async Task<ImageService> OpenAsync(ImageServiceOptions options, IStore store, CancellationToken cancellationToken = default)
    {
        var content = ContentStore.Open(options.Root);
        var snapshots = await SnapshotStore.OpenAsync(Path.Combine(options.Root, "snapshots"), store, content, cancellationToken).ConfigureAwait(false);
        var catalog = await ImageCatalog.OpenAsync(store, cancellationToken).ConfigureAwait(false);
        // A blob that somebody took away makes its image useless; without it the others work.
        await catalog.ChangeAsync(
            state => state.Without(state.Images.Where(pair => !content.Contains(pair.Key) || !content.Contains(pair.Value.Manifest.Digest)).Select(pair => pair.Key)),
            cancellationToken).ConfigureAwait(false);
        var repositories = await RepositoryStore.OpenAsync(store, options.Time, cancellationToken).ConfigureAwait(false);
        return new ImageService(options, catalog, content, snapshots, repositories);
    }

    /// <summary>
    /// The image of a name (<c>busybox</c>, <c>busybox:1.36</c>, <c>busybox@sha256:...</c>) or id (whole, or the beginning of the hex,
    /// with or without <c>sha256:</c>). <c>NotFound</c> "No such image: busybox:latest" when there is none.
    /// </summary>
    public async Task<Image> ResolveAsync(string nameOrId, CancellationToken cancellationToken = default) =>
        await FindAsync(nameOrId, cancellationToken).ConfigureAwait(false)
        ?? throw new FaultException(FaultKind.NotFound, $"No such image: {Displayed(nameOrId)}");

    /// <summary>As <see cref="ResolveAsync"/>, but null when there is none.</summary>
    public async Task<Image?> FindAsync(string nameOrId, CancellationToken cancellationToken = default)
    {
        var state = _catalog.State;
        return FindId(state, nameOrId) is { } id ? await LoadAsync(state, id, cancellationToken).ConfigureAwait(false) : null;
    }

    /// <summary>Unpacks the image's layers where they are not, so that <c>Snapshots.PrepareAsync(key, image.ChainId)</c> succeeds.</summary>
    public async Task EnsureUnpackedAsync(Image image, CancellationToken cancellationToken = default)
    {
        if (image.ChainId is not { } chain || Snapshots.Contains(chain))
        {
            return;
        }
        using var lease = Content.CreateLease();
        var manifest = await ReadManifestAsync(image.Manifest.Digest, cancellationToken).ConfigureAwait(false);
        await UnpackAsync(manifest, image.Config, lease, null, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Gives an image another name, which must have no digest; the name's former image keeps its other names.</summary>
    public async Task TagAsync(string nameOrId, ImageReference name, CancellationToken cancellationToken = default)
    {
        if (name.Digest is not null)
        {
            throw new FaultException(FaultKind.InvalidArgument, "refusing to create a tag with a digest reference");
        }
        var key = name.WithDefaultTag().ToString();
        await _catalog.ChangeAsync(
            state =>
            {
                var id = FindId(state, nameOrId)
                    ?? throw new FaultException(FaultKind.NotFound, $"No such image: {Displayed(nameOrId)}");
                return state with { References = state.References.SetItem(key, Reference(id)) };
            },
            cancellationToken).ConfigureAwait(false);
    }

    /// <summary>How the image came to be, the newest step first.</summary>
    public async Task<IReadOnlyList<ImageHistoryItem>> GetHistoryAsync(string nameOrId, CancellationToken cancellationToken = default)
    {
        var image = await ResolveAsync(nameOrId, cancellationToken).ConfigureAwait(false);
        var state = _catalog.State;
        var chains = ChainId.Each(image.Config.RootFs.DiffIds);
        var items = new List<ImageHistoryItem>();
        var layer = 0;
        foreach (var entry in image.Config.History ?? [])
        {
            var size = !entry.EmptyLayer && layer < chains.Count ? Snapshots.TryGetLayer(chains[layer++])?.SizeBytes ?? 0 : 0;
            items.Add(new ImageHistoryItem(null, entry.Created, entry.CreatedBy ?? "", entry.Comment ?? "", [], size));
        }
        items.Reverse();
        // Steps that were built here are images of their own.
        Digest? id = image.Id;
        for (var i = 0; i < items.Count && id is { } step; i++)
        {
            items[i] = items[i] with { Id = step, Tags = [.. state.NamesOf(step).Select(Familiar)] };
            id = state.Images.GetValueOrDefault(step)?.Parent;
        }
        return items;
    }

    internal async Task<Manifest> ReadManifestAsync(Digest digest, CancellationToken cancellationToken) =>
        OciJson.Deserialize<Manifest>(await Content.ReadAsync(digest, cancellationToken).ConfigureAwait(false), $"manifest {digest}");

    private static string Displayed(string nameOrId) =>
        ImageReference.TryParse(nameOrId, out var reference, out _) ? reference.WithDefaultTag().Familiar : nameOrId;

    private static string Familiar(string canonical) =>
        ImageReference.TryParse(canonical, out var reference, out _) ? reference.Familiar : canonical;

    private static Digest? FindId(CatalogState state, string nameOrId)
    {
        if (Digest.TryParse(nameOrId, out var digest) && state.Images.ContainsKey(digest))
        {
            return digest;
        }
        if (ImageReference.TryParse(nameOrId, out var reference, out _))
        {
            if (reference.Digest is { } wanted)
            {
                var repoDigest = reference.WithDigest(wanted).ToString();
                return state.Images
                    .Where(pair => pair.Value.RepoDigests?.Contains(repoDigest) == true)
                    .Select(pair => (Digest?)pair.Key)
                    .FirstOrDefault();
            }
            if (state.References.TryGetValue(reference.WithDefaultTag().ToString(), out var record))
            {
                return record.Image;
            }
        }
        return FindByPrefix(state, nameOrId);
    }

    // As docker: a beginning that two images share names neither.
    private static Digest? FindByPrefix(CatalogState state, string text)
    {
        var hex = text.StartsWith("sha256:", StringComparison.Ordinal) ? text[7..] : text;
        if (hex.Length is 0 or > 64 || hex.AsSpan().IndexOfAnyExcept("0123456789abcdef") >= 0)
        {
            return null;
        }
        Digest? found = null;
        foreach (var id in state.Images.Keys)
        {
            if (id.Hex.StartsWith(hex, StringComparison.Ordinal))
            {
                if (found is not null)
                {
                    return null;
                }
                found = id;
            }
        }
        return found;
    }

    private ReferenceRecord Reference(Digest image) => new() { Image = image, Tagged = _options.Time.GetUtcNow() };

    private async ValueTask<Image?> LoadAsync(CatalogState state, Digest id, CancellationToken cancellationToken)
    {
        if (!state.Images.TryGetValue(id, out var record))
        {
            return null;
        }
        if (!_configs.TryGetValue(id, out var config))
        {
            config = OciJson.Deserialize<ImageConfig>(
                await Content.ReadAsync(id, cancellationToken).ConfigureAwait(false), $"image configuration {id}");
            _configs[id] = config;
        }
        var chains = ChainId.Each(config.RootFs.DiffIds);
        var names = state.NamesOf(id).ToArray();
        return new Image
        {
            Id = id,
            Config = config,
            Manifest = record.Manifest,
            ChainId = chains.Count == 0 ? null : chains[^1],
            Parent = record.Parent,
            RepoTags = [.. names.Select(Familiar)],
            RepoDigests = [.. (record.RepoDigests ?? []).Select(Familiar)],
            SizeBytes = chains.Sum(chain => Snapshots.TryGetLayer(chain)?.SizeBytes ?? 0),
            LastTagged = names.Length == 0 ? null : names.Max(name => state.References[name].Tagged),
        };
    }

    // The progress hears each layer's number when it begins (false) and when it is there (true).
    private async Task UnpackAsync(
        Manifest manifest, ImageConfig config, ContentLease lease, Action<int, bool>? progress, CancellationToken cancellationToken)
    {
        var diffIds = config.RootFs.DiffIds;
        if (manifest.Layers.Count != diffIds.Count)
        {
            throw new FaultException(FaultKind.DataLoss,
                $"the manifest lists {manifest.Layers.Count} layers, the image configuration {diffIds.Count}");
        }
        Digest? parent = null;
        for (var i = 0; i < diffIds.Count; i++)
        {
            progress?.Invoke(i, false);
            var layer = await Snapshots.UnpackAsync(parent, manifest.Layers[i], diffIds[i], lease, cancellationToken).ConfigureAwait(false);
            parent = layer.ChainId;
            progress?.Invoke(i, true);
        }
    }
}
