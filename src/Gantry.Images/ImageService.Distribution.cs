using Gantry.Faults;
using Gantry.Images.Bootstrap;
using Gantry.Images.Catalog;
using Gantry.Images.Content;
using Gantry.Images.Distribution;
using Gantry.Images.Repositories;
using Gantry.Oci;

namespace Gantry.Images;

public sealed partial class ImageService
{
    /// <summary>
    /// Fetches an image, unpacks it and names it. From Gantry's own registry nothing is copied. Faults: <c>NotFound</c> (no such
    /// manifest, with the registry's words), <c>PermissionDenied</c>, <c>Unauthenticated</c>, <c>Unavailable</c> (cannot be reached),
    /// <c>DataLoss</c> (a digest does not match; nothing of it stays). A pull that fails leaves names as they were.
    /// </summary>
    public async Task<Image> PullAsync(PullRequest request, CancellationToken cancellationToken = default)
    {
        var reference = request.Reference.WithDefaultTag();
        var progress = new ProgressReporter(request.Progress);
        using var lease = Content.CreateLease();
        progress.Report(reference.Tag ?? reference.Digest!.Value.Value, $"Pulling from {reference.Path}");
        var pulled = IsOwn(reference)
            ? await ResolveOwnAsync(reference, request.Platform ?? _options.Platform, lease, cancellationToken).ConfigureAwait(false)
            : await FetchAsync(reference, request, progress, lease, cancellationToken).ConfigureAwait(false);
        var layers = pulled.Manifest.Layers;
        await UnpackAsync(
            pulled.Manifest, pulled.Config, lease,
            (i, done) => progress.Report(layers[i].Digest.Short, done ? "Pull complete" : "Extracting"),
            cancellationToken).ConfigureAwait(false);
        progress.Report(null, $"Digest: {pulled.Top.Digest}");
        var before = FindId(_catalog.State, reference.ToString());
        var image = await RegisterAsync(
            pulled.Manifest.Config.Digest,
            new ImageRecord
            {
                Manifest = pulled.ManifestDescriptor,
                Indexes = pulled.Indexes,
                RepoDigests = [reference.WithDigest(pulled.Top.Digest).ToString()],
                Added = _options.Time.GetUtcNow(),
            },
            reference.Tag is null ? [] : [reference.NameOnly().WithTag(reference.Tag)],
            cancellationToken).ConfigureAwait(false);
        progress.Report(null, before == image.Id
            ? $"Status: Image is up to date for {reference.Familiar}"
            : $"Status: Downloaded newer image for {reference.Familiar}");
        return image;
    }

    /// <summary>
    /// Sends an image (every tag of the repository when the reference has none). To Gantry's own registry nothing is copied:
    /// the repository refers to the blobs that are there. Faults as in <see cref="PullAsync"/>.
    /// </summary>
    public async Task<IReadOnlyList<PushResult>> PushAsync(PushRequest request, CancellationToken cancellationToken = default)
    {
        var progress = new ProgressReporter(request.Progress);
        var repository = request.Reference.NameOnly();
        var names = request.Reference.Tag is not null
            ? [request.Reference]
            : _catalog.State.References.Keys.Select(ImageReference.Parse).Where(name => name.NameOnly() == repository).ToArray();
        progress.Report(null, $"The push refers to repository [{repository}]");
        if (names.Length == 0)
        {
            throw new FaultException(FaultKind.NotFound, $"An image does not exist locally with the tag: {repository.FamiliarName}");
        }
        var results = new List<PushResult>();
        foreach (var name in names)
        {
            results.Add(await PushOneAsync(name, request, progress, cancellationToken).ConfigureAwait(false));
        }
        return results;
    }

    private async Task<PushResult> PushOneAsync(ImageReference name, PushRequest request, ProgressReporter progress, CancellationToken cancellationToken)
    {
        var image = await FindAsync(name.ToString(), cancellationToken).ConfigureAwait(false)
            ?? throw new FaultException(FaultKind.NotFound, $"An image does not exist locally with the tag: {name.FamiliarName}");
        using var lease = Content.CreateLease();
        var manifest = await ReadManifestAsync(image.Manifest.Digest, cancellationToken).ConfigureAwait(false);
        foreach (var blob in manifest.Layers.Append(manifest.Config).Append(image.Manifest))
        {
            if (!lease.TryPin(blob.Digest))
            {
                throw new FaultException(FaultKind.DataLoss, $"blob {blob.Digest} of {name.Familiar} is not in the content store");
            }
        }
        if (IsOwn(name))
        {
            await PushOwnAsync(name, image, manifest, progress, cancellationToken).ConfigureAwait(false);
        }
        else
        {
            await PushRemoteAsync(name, image, manifest, request, progress, cancellationToken).ConfigureAwait(false);
        }
        progress.Report(null, $"{name.Tag}: digest: {image.Manifest.Digest} size: {image.Manifest.Size}");
        await AddRepoDigestAsync(image.Id, name.WithDigest(image.Manifest.Digest).ToString(), cancellationToken).ConfigureAwait(false);
        return new PushResult(name.Tag!, image.Manifest.Digest, image.Manifest.Size);
    }

    private async Task PushOwnAsync(ImageReference name, Image image, Manifest manifest, ProgressReporter progress, CancellationToken cancellationToken)
    {
        var present = Repositories.TryGet(name.Path);
        var blobs = manifest.Layers.Select(layer => layer.Digest).Append(manifest.Config.Digest).Distinct().ToArray();
        var missing = blobs.Where(blob => present?.Blobs.ContainsKey(blob) != true).ToArray();
        await Repositories.LinkBlobsAsync(name.Path, missing, cancellationToken).ConfigureAwait(false);
        await Repositories.PutManifestAsync(name.Path, new RepositoryManifest { Descriptor = image.Manifest }, [name.Tag!], cancellationToken)
            .ConfigureAwait(false);
        for (var i = manifest.Layers.Count - 1; i >= 0; i--)
        {
            var isNew = missing.Contains(manifest.Layers[i].Digest);
            progress.Report(image.Config.RootFs.DiffIds[i].Short, isNew ? "Pushed" : "Layer already exists");
        }
    }

    private async Task PushRemoteAsync(
        ImageReference name, Image image, Manifest manifest, PushRequest request, ProgressReporter progress, CancellationToken cancellationToken)
    {
        var client = new RegistryClient(RegistryEndpoint.For(name.Domain, _options, forPush: true)[0], name, request.Credentials, forPush: true);
        // Another repository of that registry that the image came from or went to has the same layers.
        var mountFrom = (_catalog.State.Images.GetValueOrDefault(image.Id)?.RepoDigests ?? [])
            .Select(ImageReference.Parse)
            .FirstOrDefault(known => known.Domain == name.Domain && known.Path != name.Path)?.Path;
        if (mountFrom is not null)
        {
            client.AlsoPullFrom(mountFrom);
        }
        var pusher = new ImagePusher(Content, client, progress, _options.ParallelTransfers);
        await pusher.PushAsync(manifest, image.Manifest, image.Config, name.Tag!, mountFrom, cancellationToken).ConfigureAwait(false);
    }

    private bool IsOwn(ImageReference reference) => _options.OwnRegistries.Contains(reference.Domain, StringComparer.Ordinal);

    private async Task<PulledImage> FetchAsync(
        ImageReference reference, PullRequest request, ProgressReporter progress, ContentLease lease, CancellationToken cancellationToken)
    {
        var endpoints = RegistryEndpoint.For(reference.Domain, _options, forPush: false);
        for (var i = 0; ; i++)
        {
            var client = new RegistryClient(endpoints[i], reference, request.Credentials, forPush: false);
            var puller = new ImagePuller(Content, lease, client, progress, _options.ParallelTransfers);
            try
            {
                var pulled = await puller.FetchConfigAsync(reference, request.Platform ?? _options.Platform, cancellationToken).ConfigureAwait(false);
                var chains = ChainId.Each(pulled.Config.RootFs.DiffIds);
                var needed = pulled.Manifest.Layers.Where((layer, at) => !Exists(layer, at < chains.Count ? chains[at] : null, progress, lease)).ToArray();
                await puller.FetchLayersAsync(needed, cancellationToken).ConfigureAwait(false);
                return pulled;
            }
            catch (FaultException) when (i + 1 < endpoints.Count)
            {
                // A mirror that cannot be reached or has no such image: the next endpoint decides.
            }
            catch (FaultException fault) when (fault.Kind == FaultKind.Unavailable && ImageBootstrap.CanMake(reference))
            {
                throw new FaultException(FaultKind.Unavailable,
                    $"{fault.Message} (without a registry, \"gantry image bootstrap {reference.Familiar}\" makes it from Debian's packages)", fault);
            }
        }
    }

    private bool Exists(Descriptor layer, Digest? chain, ProgressReporter progress, ContentLease lease)
    {
        // The blob is needed beside the unpacked layer: the image may be pushed from here.
        if (!lease.TryPin(layer.Digest) || chain is not { } id || !Snapshots.Contains(id))
        {
            return false;
        }
        progress.Report(layer.Digest.Short, "Already exists");
        return true;
    }

    private async Task<PulledImage> ResolveOwnAsync(
        ImageReference reference, Platform platform, ContentLease lease, CancellationToken cancellationToken)
    {
        var repository = Repositories.TryGet(reference.Path)
            ?? throw new FaultException(FaultKind.NotFound, $"repository {reference.FamiliarName} not found: name unknown: repository name not known to registry");
        var digest = reference.Digest ?? (repository.Tags.TryGetValue(reference.Tag!, out var tagged) ? tagged : default);
        if (!repository.Manifests.TryGetValue(digest, out var found))
        {
            throw new FaultException(FaultKind.NotFound, $"manifest for {reference.Familiar} not found: manifest unknown: manifest unknown");
        }
        var indexes = new List<Digest>();
        var descriptor = found.Descriptor;
        while (MediaTypes.IsIndex(descriptor.MediaType))
        {
            indexes.Add(descriptor.Digest);
            var index = OciJson.Deserialize<ImageIndex>(await Content.ReadAsync(descriptor.Digest, cancellationToken).ConfigureAwait(false), "the image index");
            descriptor = index.Select(platform)
                ?? throw new FaultException(FaultKind.NotFound, $"no matching manifest for {platform} in the manifest list entries");
        }
        var manifest = await ReadManifestAsync(descriptor.Digest, cancellationToken).ConfigureAwait(false);
        foreach (var blob in manifest.Layers.Append(manifest.Config).Append(descriptor))
        {
            if (!lease.TryPin(blob.Digest))
            {
                throw new FaultException(FaultKind.NotFound, $"blob {blob.Digest} not found: blob unknown: blob unknown to registry");
            }
        }
        var config = OciJson.Deserialize<ImageConfig>(
            await Content.ReadAsync(manifest.Config.Digest, cancellationToken).ConfigureAwait(false), "the image configuration");
        return new PulledImage(found.Descriptor, indexes, descriptor, manifest, config);
    }

    private Task AddRepoDigestAsync(Digest id, string repoDigest, CancellationToken cancellationToken) => _catalog.ChangeAsync(
        state => state.Images.TryGetValue(id, out var record) && record.RepoDigests?.Contains(repoDigest) != true
            ? state with { Images = state.Images.SetItem(id, record with { RepoDigests = [.. record.RepoDigests ?? [], repoDigest] }) }
            : state,
        cancellationToken);
}
