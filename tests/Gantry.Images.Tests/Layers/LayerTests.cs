using System.Diagnostics;
using System.IO.Compression;
using Gantry.Faults;
using Gantry.Images.Layers;
using Gantry.Oci;

namespace Gantry.Images.Tests.Layers;

public sealed class LayerTests
{
    [Theory]
    [InlineData("gzip")]
    [InlineData("zstd")]
    public async Task Layer_Compressed_UnpacksAndIsRefusedWhenTruncated(string program)
    {
        await using var root = await ImageRoot.CreateAsync();
        var tar = ImageRoot.Tar(writer => writer.WriteFile("f", [.. Enumerable.Range(0, 300_000).Select(i => (byte)(i * 7919 >> 3))]));
        var packed = program == "gzip" ? Gzip(tar) : Zstd(tar);

        var layer = await UnpackAsync(root, packed, Digest.OfBytes(tar));
        Assert.Equal(300_000, layer.SizeBytes);

        foreach (var keep in new[] { 10, packed.Length / 2, packed.Length - 1 })
        {
            var other = ImageRoot.Tar(writer => writer.WriteFile($"g{keep}", [1]));
            var fault = await Assert.ThrowsAsync<FaultException>(() => UnpackAsync(root, packed[..keep], Digest.OfBytes(other)));
            Assert.Equal(FaultKind.DataLoss, fault.Kind);
        }
        Assert.Empty(Directory.EnumerateFileSystemEntries(Path.Combine(root.Path, "snapshots", "tmp")));
    }

    [Fact]
    public async Task Layer_WithAnotherDiffId_IsRefused()
    {
        await using var root = await ImageRoot.CreateAsync();
        var tar = ImageRoot.Tar(writer => writer.WriteFile("f", [1]));
        var fault = await Assert.ThrowsAsync<FaultException>(() => UnpackAsync(root, tar, Digest.OfBytes("other"u8)));
        Assert.Equal(FaultKind.DataLoss, fault.Kind);
    }

    [Fact]
    public async Task Diff_OfAnUnpackedLayer_IsTheSameTar()
    {
        await using var root = await ImageRoot.CreateAsync();
        var image = await root.AddImageAsync("base", [("d/a", "1"), ("d/b", "2")]);
        async Task<Digest> CommitAsync(string key)
        {
            var mount = await root.Images.Snapshots.PrepareAsync(key, image.ChainId);
            var path = mount.Mount();
            File.Delete($"{path}/d/a");
            Directory.CreateDirectory($"{path}/new");
            File.WriteAllText($"{path}/new/x", "x");
            File.CreateSymbolicLink($"{path}/new/l", "x");
            Process.Start("ln", [$"{path}/new/x", $"{path}/new/h"]).WaitForExit();
            foreach (var file in new[] { "new/x", "new", "d" })
            {
                File.SetLastWriteTimeUtc($"{path}/{file}", DateTime.UnixEpoch.AddDays(1));
            }
            Process.Start("touch", ["-h", "-d", "@86400", $"{path}/new/l"]).WaitForExit();
            mount.Unmount();
            using var lease = root.Images.Content.CreateLease();
            var blob = await root.Images.Snapshots.DiffAsync(key, lease);
            await using var content = LayerCompression.Open(root.Images.Content.OpenRead(blob.Blob.Digest));
            var names = new List<string>();
            var reader = new Gantry.Images.Tar.TarReader(content);
            while (reader.Next() is { } entry)
            {
                names.Add(entry.Name + (entry.LinkName.Length > 0 ? ">" + entry.LinkName : ""));
            }
            Assert.Equal(["d/", "d/.wh.a", "new/", "new/h", "new/l>x", "new/x>new/h"], names);
            return blob.DiffId;
        }

        Assert.Equal(await CommitAsync("one"), await CommitAsync("two"));
    }

    private static async Task<Images.Snapshots.Layer> UnpackAsync(ImageRoot root, byte[] content, Digest diffId)
    {
        using var lease = root.Images.Content.CreateLease();
        var digest = await root.Images.Content.PutAsync(content, lease);
        return await root.Images.Snapshots.UnpackAsync(
            null, new Descriptor { MediaType = MediaTypes.OciLayer, Digest = digest, Size = content.Length }, diffId, lease, CancellationToken.None);
    }

    private static byte[] Gzip(byte[] content)
    {
        var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Fastest, leaveOpen: true))
        {
            gzip.Write(content);
        }
        return packed.ToArray();
    }

    // A zstd frame of raw blocks (RFC 8878, section 3.1.1), since the system has no compressor to rely on.
    private static byte[] Zstd(byte[] content)
    {
        var packed = new MemoryStream();
        packed.Write([0x28, 0xb5, 0x2f, 0xfd, 0xa0]);
        packed.Write(BitConverter.GetBytes(content.Length));
        for (var at = 0; at < content.Length; at += 100_000)
        {
            var size = Math.Min(100_000, content.Length - at);
            var header = (size << 3) | (at + size == content.Length ? 1 : 0);
            packed.Write([(byte)header, (byte)(header >> 8), (byte)(header >> 16)]);
            packed.Write(content, at, size);
        }
        return packed.ToArray();
    }
}
