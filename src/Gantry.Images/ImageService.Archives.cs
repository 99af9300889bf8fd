using System.IO.Compression;
using Gantry.Faults;
using Gantry.Images.Archives;
using Gantry.Images.Content;
using Gantry.Images.Layers;
using Gantry.Images.Tar;
using Gantry.Linux.Trees;
using Gantry.Oci;

namespace Gantry.Images;

public sealed partial class ImageService
{
    /// <summary>
    /// Writes images as <c>docker save</c> does: an OCI layout that has docker's manifest.json beside its index. A name that is an
    /// id is saved without names; a repository without tag with all its tags.
    /// </summary>
    public async Task SaveAsync(IReadOnlyList<string> names, Stream output, CancellationToken cancellationToken = default)
    {
        var images = new List<(Image Image, ImageReference? Name)>();
        foreach (var name in names)
        {
            var image = await ResolveAsync(name, cancellationToken).ConfigureAwait(false);
            var isName = ImageReference.TryParse(name, out var reference, out _) && reference.Digest is null
                && image.RepoTags.Contains(reference.WithDefaultTag().Familiar);
            images.Add((image, isName ? reference!.WithDefaultTag() : null));
        }
        await new ArchiveWriter(this, output).WriteAsync(images, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>
    /// Reads what <c>docker save</c> wrote, or an OCI layout, compressed or not, and returns the images. <c>InvalidArgument</c> when it
    /// is neither; <c>DataLoss</c> when a blob is damaged.
    /// </summary>
    public async Task<IReadOnlyList<Image>> LoadAsync(Stream archive, CancellationToken cancellationToken = default)
    {
        var directory = Directory.CreateDirectory(Path.Combine(_options.Root, "ingest", $"load-{Guid.NewGuid():n}")).FullName;
        try
        {
            await Task.Run(() => Extract(archive, directory, cancellationToken), cancellationToken).ConfigureAwait(false);
            using var tree = Tree.Open(directory);
            using var lease = Content.CreateLease();
            return await new ArchiveReader(this, tree, lease).ReadAsync(cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            using var parent = Tree.Open(Path.GetDirectoryName(directory)!);
            parent.Remove(Path.GetFileName(directory));
        }
    }

    /// <summary>
    /// Makes an image of one layer from a root file system's tar (<c>docker import</c>). <paramref name="config"/> may be null for an
    /// empty one.
    /// </summary>
    public async Task<Image> ImportAsync(
        Stream rootfs, ContainerConfig? config, string comment, IReadOnlyList<ImageReference> names, CancellationToken cancellationToken = default)
    {
        using var lease = Content.CreateLease();
        var layer = await StoreLayerAsync(rootfs, lease, cancellationToken).ConfigureAwait(false);
        await Snapshots.UnpackAsync(null, layer.Blob, layer.DiffId, lease, cancellationToken).ConfigureAwait(false);
        var now = _options.Time.GetUtcNow();
        var image = EmptyConfig() with
        {
            Created = now,
            Config = config ?? new ContainerConfig(),
            Comment = comment,
            RootFs = new RootFs { DiffIds = [layer.DiffId] },
            History = [new HistoryEntry { Created = now, CreatedBy = "", Comment = comment }],
        };
        return await CreateAsync(image, [layer.Blob], null, names, lease, cancellationToken).ConfigureAwait(false);
    }

    // Stores a tar, compressed or not, as a gzip layer.
    internal Task<(Descriptor Blob, Digest DiffId)> StoreLayerAsync(Stream tar, ContentLease lease, CancellationToken cancellationToken) => Task.Run(
        async () =>
        {
            await using var ingest = Content.BeginIngest();
            Digest diffId;
            try
            {
                using var content = LayerCompression.Open(new BlockingReadStream(tar, cancellationToken));
                using var gzip = new GZipStream(new BufferedStream(new IngestStream(ingest), 1 << 16), CompressionLevel.Fastest);
                using var hashing = new HashingStream(gzip);
                content.CopyTo(hashing, 1 << 17);
                diffId = hashing.Digest;
            }
            catch (InvalidDataException error)
            {
                throw new FaultException(FaultKind.DataLoss, $"the archive is damaged or truncated: {error.Message}", error);
            }
            var (digest, size) = await ingest.CommitAsync(lease, cancellationToken: cancellationToken).ConfigureAwait(false);
            return (new Descriptor { MediaType = MediaTypes.OciLayerGzip, Digest = digest, Size = size }, diffId);
        },
        cancellationToken);

    // What an archive holds, as an image: unpacked, registered and named.
    internal async Task<Image> RegisterLoadedAsync(
        Descriptor manifest, ContentLease lease, IReadOnlyList<ImageReference> names, CancellationToken cancellationToken)
    {
        var parsed = await ReadManifestAsync(manifest.Digest, cancellationToken).ConfigureAwait(false);
        var config = OciJson.Deserialize<ImageConfig>(
            await Content.ReadAsync(parsed.Config.Digest, cancellationToken).ConfigureAwait(false), "the image configuration");
        await UnpackAsync(parsed, config, lease, null, cancellationToken).ConfigureAwait(false);
        var record = new Catalog.ImageRecord { Manifest = manifest, Added = _options.Time.GetUtcNow() };
        return await RegisterAsync(parsed.Config.Digest, record, names, cancellationToken).ConfigureAwait(false);
    }

    private static void Extract(Stream archive, string directory, CancellationToken cancellationToken)
    {
        try
        {
            using var content = LayerCompression.Open(new BlockingReadStream(archive, cancellationToken));
            using var tree = Tree.Open(directory);
            var reader = new TarReader(content);
            new TarExtractor(tree, new TarExtractOptions { Owner = (0, 0) }).Extract(reader, cancellationToken);
        }
        catch (InvalidDataException error)
        {
            throw new FaultException(FaultKind.DataLoss, $"the archive is damaged or truncated: {error.Message}", error);
        }
    }
}
