using Gantry.Images.Tar;
using Gantry.Oci;

namespace Gantry.Images.Archives;

/// <summary>Writes images as one archive that both docker and OCI tools read.</summary>
internal sealed class ArchiveWriter(ImageService images, Stream output)
{
    private const string RefName = "org.opencontainers.image.ref.name";
    private const string ImageName = "io.containerd.image.name";

    public async Task WriteAsync(IReadOnlyList<(Image Image, ImageReference? Name)> items, CancellationToken cancellationToken)
    {
        using var lease = images.Content.CreateLease();
        var tar = new TarWriter(new AsyncBackedStream(output, cancellationToken));
        var written = new HashSet<Digest>();
        var index = new List<Descriptor>();
        var legacy = new List<ArchiveManifest>();
        foreach (var directory in new[] { "blobs/", "blobs/sha256/" })
        {
            tar.Write(new TarEntry { Name = directory, Type = TarEntryType.Directory, Permissions = 0x1ed });
        }
        foreach (var group in items.GroupBy(item => item.Image.Id))
        {
            var image = group.First().Image;
            var names = group.Select(item => item.Name).OfType<ImageReference>().ToArray();
            var manifest = await images.ReadManifestAsync(image.Manifest.Digest, cancellationToken).ConfigureAwait(false);
            foreach (var blob in manifest.Layers.Append(manifest.Config).Append(image.Manifest))
            {
                if (written.Add(blob.Digest))
                {
                    await WriteBlobAsync(tar, blob.Digest, cancellationToken).ConfigureAwait(false);
                }
            }
            index.AddRange(names.Length == 0 ? [image.Manifest] : names.Select(name => image.Manifest with
            {
                Annotations = new() { [ImageName] = name.ToString(), [RefName] = name.Tag ?? "" },
            }));
            legacy.Add(new ArchiveManifest
            {
                Config = PathOf(manifest.Config.Digest),
                RepoTags = [.. names.Select(name => name.Familiar)],
                Layers = [.. manifest.Layers.Select(layer => PathOf(layer.Digest))],
            });
        }
        tar.WriteFile("index.json", OciJson.Serialize(new ImageIndex { MediaType = MediaTypes.OciIndex, Manifests = index }));
        tar.WriteFile("manifest.json", ImagesJson.Serialize(legacy));
        tar.WriteFile("oci-layout", "{\"imageLayoutVersion\":\"1.0.0\"}"u8.ToArray());
        tar.Complete();
        await output.FlushAsync(cancellationToken).ConfigureAwait(false);
    }

    private async Task WriteBlobAsync(TarWriter tar, Digest digest, CancellationToken cancellationToken)
    {
        await using var blob = images.Content.OpenRead(digest);
        var entry = new TarEntry { Name = PathOf(digest), Type = TarEntryType.Regular, Permissions = 0x1a4, SizeBytes = blob.Length };
        await Task.Run(() => tar.Write(entry, blob), cancellationToken).ConfigureAwait(false);
    }

    private static string PathOf(Digest digest) => $"blobs/{digest.Algorithm}/{digest.Hex}";

    // Blocking writes onto a stream that only writes asynchronously, such as an HTTP response.
    private sealed class AsyncBackedStream(Stream inner, CancellationToken cancellationToken) : Stream
    {
        public override bool CanRead => false;

        public override bool CanSeek => false;

        public override bool CanWrite => true;

        public override long Length => throw new NotSupportedException();

        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

        public override void Write(byte[] buffer, int offset, int count) =>
            inner.WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask().GetAwaiter().GetResult();

        public override void Flush()
        {
        }

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();
    }
}
