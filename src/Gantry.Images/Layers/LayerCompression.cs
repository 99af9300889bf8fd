using System.IO.Compression;
using Gantry.Faults;
using Gantry.Linux.Zstd;

namespace Gantry.Images.Layers;

/// <summary>How a layer's tar is compressed.</summary>
public enum LayerFormat
{
    /// <summary>Not at all.</summary>
    None,

    /// <summary>gzip.</summary>
    Gzip,

    /// <summary>zstd.</summary>
    Zstd,

    /// <summary>bzip2, which is recognised but cannot be read.</summary>
    Bzip2,

    /// <summary>xz, which is recognised but cannot be read.</summary>
    Xz,
}

/// <summary>Recognises and undoes compression by a stream's first bytes, whatever its media type says (as docker does).</summary>
public static class LayerCompression
{
    /// <summary>The format that the first bytes of a stream tell.</summary>
    public static LayerFormat Detect(ReadOnlySpan<byte> head) => head switch
    {
        [0x1f, 0x8b, ..] => LayerFormat.Gzip,
        [0x28, 0xb5, 0x2f, 0xfd, ..] => LayerFormat.Zstd,
        [0x50 or 0x51 or 0x52 or 0x53 or 0x54 or 0x55 or 0x56 or 0x57 or 0x58 or 0x59 or 0x5a or 0x5b or 0x5c or 0x5d or 0x5e or 0x5f, 0x2a, 0x4d, 0x18, ..] => LayerFormat.Zstd,
        [(byte)'B', (byte)'Z', (byte)'h', ..] => LayerFormat.Bzip2,
        [0xfd, (byte)'7', (byte)'z', (byte)'X', (byte)'Z', 0, ..] => LayerFormat.Xz,
        _ => LayerFormat.None,
    };

    /// <summary>The decompressed content of a stream, which the result owns.</summary>
    public static Stream Open(Stream compressed)
    {
        var head = new byte[8];
        var read = compressed.ReadAtLeast(head, head.Length, throwOnEndOfStream: false);
        var whole = new PrefixedStream(head.AsMemory(0, read), compressed);
        return Detect(head.AsSpan(0, read)) switch
        {
            LayerFormat.None => whole,
            LayerFormat.Gzip => new GZipStream(whole, CompressionMode.Decompress),
            LayerFormat.Zstd => new ZstdDecompressionStream(whole),
            var format => throw new FaultException(FaultKind.NotImplemented,
                $"archives compressed by {format.ToString().ToLowerInvariant()} are not supported: use gzip, zstd or none"),
        };
    }
}
