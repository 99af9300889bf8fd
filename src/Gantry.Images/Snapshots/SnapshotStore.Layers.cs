using System.Collections.Concurrent;
using System.IO.Compression;
using Gantry.Faults;
using Gantry.Images.Content;
using Gantry.Images.Layers;
using Gantry.Images.Tar;
using Gantry.Linux.Trees;
using Gantry.Oci;
using Gantry.Store;

namespace Gantry.Images.Snapshots;

public sealed partial class SnapshotStore
{
    private readonly ConcurrentDictionary<Digest, SemaphoreSlim> _unpacking = new();

    /// <summary>
    /// Unpacks a layer blob on its parent, unless that layer is there. <c>DataLoss</c> when the content is damaged, truncated, or
    /// does not have the DiffID; <c>InvalidArgument</c> when an entry leaves the layer's root. Then nothing is left behind.
    /// The layer stays while the lease lasts, and longer when an image lists it by then.
    /// </summary>
    internal async Task<Layer> UnpackAsync(
        Digest? parent, Descriptor blob, Digest diffId, ContentLease lease, CancellationToken cancellationToken)
    {
        var chain = ChainId.Append(parent, diffId);
        _content.PinChain(chain, lease);
        var turn = _unpacking.GetOrAdd(chain, static _ => new SemaphoreSlim(1, 1));
        await turn.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (TryGetLayer(chain) is { } present)
            {
                return present;
            }
            var temporary = TemporaryPath();
            try
            {
                var size = await Task.Run(() => UnpackTo(temporary, parent, blob, diffId, cancellationToken), cancellationToken).ConfigureAwait(false);
                return await AdoptAsync(temporary, new Layer(chain, parent, diffId, size), cancellationToken).ConfigureAwait(false);
            }
            finally
            {
                RemoveTemporary(temporary);
            }
        }
        finally
        {
            turn.Release();
            _unpacking.TryRemove(chain, out _);
        }
    }

    /// <summary>Stores a snapshot's difference from its parent as a gzip layer. The snapshot stays; it should not change meanwhile.</summary>
    public Task<LayerBlob> DiffAsync(string key, ContentLease lease, CancellationToken cancellationToken = default)
    {
        var mount = TryGet(key) ?? throw NoSnapshot(key);
        return Task.Run(() => DiffCoreAsync(mount, GetParent(key), lease, cancellationToken), cancellationToken);
    }

    /// <summary>
    /// Makes a snapshot, which must not be mounted, into a layer: its difference becomes a blob and its directory the unpacked
    /// layer. The snapshot is gone afterwards. When the same layer exists already, that one is used.
    /// </summary>
    public async Task<LayerBlob> CommitAsync(string key, ContentLease lease, CancellationToken cancellationToken = default)
    {
        var blob = await DiffAsync(key, lease, cancellationToken).ConfigureAwait(false);
        _content.PinChain(blob.ChainId, lease);
        if (!Contains(blob.ChainId))
        {
            var upper = Path.Combine(_root, "active", key, "fs");
            await Task.Run(() => Sync(upper), cancellationToken).ConfigureAwait(false);
            await AdoptAsync(upper, new Layer(blob.ChainId, blob.Parent, blob.DiffId, blob.SizeBytes), cancellationToken).ConfigureAwait(false);
        }
        await RemoveAsync(key, cancellationToken).ConfigureAwait(false);
        return blob;
    }

    private async Task<LayerBlob> DiffCoreAsync(SnapshotMount mount, Digest? parent, ContentLease lease, CancellationToken cancellationToken)
    {
        using var upper = Tree.Open(mount.UpperPath);
        var lower = mount.LowerDirs.Select(directory => Tree.Open(Path.Combine(_root, directory))).ToArray();
        try
        {
            await using var ingest = _content.BeginIngest();
            long size;
            Digest diffId;
            // Speed over size: a build compresses every layer, most are never sent anywhere.
            using (var gzip = new GZipStream(new BufferedStream(new IngestStream(ingest), 1 << 16), CompressionLevel.Fastest))
            using (var hashing = new HashingStream(gzip))
            {
                size = LayerDiff.Write(upper, lower, hashing, cancellationToken);
                diffId = hashing.Digest;
            }
            var (digest, length) = await ingest.CommitAsync(lease, cancellationToken: cancellationToken).ConfigureAwait(false);
            return new LayerBlob(diffId, new Descriptor { MediaType = MediaTypes.OciLayerGzip, Digest = digest, Size = length }, parent, size);
        }
        finally
        {
            foreach (var tree in lower)
            {
                tree.Dispose();
            }
        }
    }

    private long UnpackTo(string directory, Digest? parent, Descriptor blob, Digest diffId, CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(directory);
        var lowerPaths = LayerDirectories(parent).Select(name => Path.Combine(_root, "l", name)).ToArray();
        if (lowerPaths.Length > 0)
        {
            CopyRootAttributes(lowerPaths[0], directory);
        }
        using var tree = Tree.Open(directory);
        var lower = lowerPaths.Select(path => Tree.Open(path)).ToArray();
        try
        {
            using var content = LayerCompression.Open(_content.OpenRead(blob.Digest));
            using var hashing = new HashingStream(content);
            var reader = new TarReader(hashing);
            var extractor = new TarExtractor(tree, new TarExtractOptions { Whiteouts = true, Lower = lower });
            extractor.Extract(reader, cancellationToken);
            reader.Drain();
            if (hashing.Digest != diffId)
            {
                throw new FaultException(FaultKind.DataLoss, $"layer {blob.Digest}: its content has the DiffID {hashing.Digest}, the image says {diffId}");
            }
            tree.Sync();
            return extractor.ContentBytes;
        }
        catch (InvalidDataException error)
        {
            throw new FaultException(FaultKind.DataLoss, $"layer {blob.Digest} is damaged or truncated: {error.Message}", error);
        }
        finally
        {
            foreach (var layer in lower)
            {
                layer.Dispose();
            }
        }
    }

    // The files are on the disk; after the rename and the record the layer exists.
    private async Task<Layer> AdoptAsync(string directory, Layer layer, CancellationToken cancellationToken)
    {
        await _write.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (TryGetLayer(layer.ChainId) is { } present)
            {
                return present;
            }
            var named = layer with { Directory = (++_nextDirectory).ToString("x", System.Globalization.CultureInfo.InvariantCulture) };
            Directory.Move(directory, Path.Combine(_root, "l", named.Directory));
            DurableFile.SyncDirectory(Path.Combine(_root, "l"));
            var record = new LayerRecord { Directory = named.Directory, Parent = layer.Parent, DiffId = layer.DiffId, SizeBytes = layer.SizeBytes };
            await _store.CommitAsync([new StoreOperation(LayerPrefix + layer.ChainId, ImagesJson.Serialize(record))], CancellationToken.None).ConfigureAwait(false);
            _layers = _layers.Add(layer.ChainId, named);
            return named;
        }
        finally
        {
            _write.Release();
        }
    }

    private static void Sync(string directory)
    {
        using var tree = Tree.Open(directory);
        tree.Sync();
    }
}
