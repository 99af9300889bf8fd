using System.Buffers;
using System.Text;
using Gantry.Faults;
using Gantry.Linux.Trees;

namespace Gantry.Images.Tar;

/// <summary>
/// Reads tar archives: ustar, pax (extended attributes as bytes) and the GNU extensions for long names and large numbers.
/// Malformed input is <c>InvalidArgument</c>, input that ends too early <c>DataLoss</c>. Reads forward only, with blocking
/// reads, and does not own the stream.
/// </summary>
public sealed class TarReader
{
    private const int BlockSize = 512;
    // Go's archive/tar: maxSpecialFileSize.
    private const int MaxExtensionBytes = 1 << 20;

    private readonly Stream _stream;
    private readonly byte[] _header = new byte[BlockSize];
    private readonly TarDataStream _data;
    private long _padding;
    private bool _ended;

    /// <summary>Reads from a stream.</summary>
    public TarReader(Stream stream)
    {
        _stream = stream;
        _data = new TarDataStream(stream);
    }

    /// <summary>The content of the entry that <see cref="Next"/> returned; valid until the next call.</summary>
    public Stream Data => _data;

    /// <summary>The next entry, or null at the end.</summary>
    public TarEntry? Next()
    {
        PaxRecords? pax = null;
        string? longName = null;
        string? longLink = null;
        while (!_ended)
        {
            SkipRest();
            if (!ReadHeader())
            {
                _ended = true;
                break;
            }
            var size = TarHeader.Number(_header, 124, 12);
            if (size < 0)
            {
                throw new FaultException(FaultKind.InvalidArgument, "tar: an entry has a negative size");
            }
            switch ((char)_header[156])
            {
                case 'x':
                    pax = PaxRecords.Parse(ReadExtension(size));
                    break;
                case 'g':
                    // Global records only carry comments in practice (git archive); they change no entry here.
                    _ = PaxRecords.Parse(ReadExtension(size));
                    break;
                case 'L':
                    longName = TarHeader.Text(ReadExtension(size));
                    break;
                case 'K':
                    longLink = TarHeader.Text(ReadExtension(size));
                    break;
                default:
                    return Entry(size, pax, longName, longLink);
            }
        }
        if (pax is not null || longName is not null || longLink is not null)
        {
            throw new FaultException(FaultKind.DataLoss, "tar: the archive ends after an extension header");
        }
        return null;
    }

    /// <summary>Reads what follows the end of the archive, so that a digest of the stream covers all of it.</summary>
    public void Drain()
    {
        var buffer = ArrayPool<byte>.Shared.Rent(64 * 1024);
        while (_stream.Read(buffer) > 0)
        {
        }
        ArrayPool<byte>.Shared.Return(buffer);
    }

    private TarEntry Entry(long headerSize, PaxRecords? pax, string? longName, string? longLink)
    {
        var flag = (char)_header[156];
        var name = pax?.Path ?? longName ?? TarHeader.Name(_header);
        var type = flag switch
        {
            '\0' or '7' when name.EndsWith('/') => TarEntryType.Directory,
            '\0' or '0' or '7' => TarEntryType.Regular,
            >= '1' and <= '6' => (TarEntryType)flag,
            _ => throw new FaultException(FaultKind.InvalidArgument,
                $"tar: entry \"{name}\" has the unsupported type '{(char.IsAsciiLetterOrDigit(flag) ? flag : '?')}'"),
        };
        if (pax?.IsSparse == true)
        {
            throw new FaultException(FaultKind.InvalidArgument, $"tar: entry \"{name}\" is sparse, which is not supported");
        }
        var size = pax?.Size ?? headerSize;
        // Only regular files have content; some archivers write a size for links all the same (and no data).
        _data.Reset(type == TarEntryType.Regular ? size : 0);
        _padding = type == TarEntryType.Regular ? (BlockSize - (size % BlockSize)) % BlockSize : 0;
        if (name.Length == 0 || name.Contains('\0', StringComparison.Ordinal))
        {
            throw new FaultException(FaultKind.InvalidArgument, "tar: an entry has no valid name");
        }
        return new TarEntry
        {
            Name = name,
            Type = type,
            LinkName = pax?.LinkPath ?? longLink ?? TarHeader.Text(_header.AsSpan(157, 100)),
            Permissions = (uint)TarHeader.Number(_header, 100, 8) & 0xfff,
            Uid = (uint)(pax?.Uid ?? TarHeader.Number(_header, 108, 8)),
            Gid = (uint)(pax?.Gid ?? TarHeader.Number(_header, 116, 8)),
            SizeBytes = type == TarEntryType.Regular ? size : 0,
            Modified = pax?.Modified ?? new TreeTime(TarHeader.Number(_header, 136, 12), 0),
            Device = new TreeDevice((uint)TarHeader.Number(_header, 329, 8), (uint)TarHeader.Number(_header, 337, 8)),
            Xattrs = pax?.Xattrs ?? [],
        };
    }

    private void SkipRest()
    {
        _data.SkipToEnd();
        Skip(_padding);
        _padding = 0;
    }

    // False at the end: a zero block, or no bytes at all (some archivers leave the trailer out).
    private bool ReadHeader()
    {
        var read = _stream.ReadAtLeast(_header, BlockSize, throwOnEndOfStream: false);
        if (read == 0)
        {
            return false;
        }
        if (read < BlockSize)
        {
            throw Truncated();
        }
        if (_header.AsSpan().IndexOfAnyExcept((byte)0) < 0)
        {
            return false;
        }
        TarHeader.VerifyChecksum(_header);
        return true;
    }

    private byte[] ReadExtension(long size)
    {
        if (size > MaxExtensionBytes)
        {
            throw new FaultException(FaultKind.InvalidArgument, $"tar: an extension header of {size} bytes is too long");
        }
        var bytes = new byte[size];
        if (_stream.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false) < bytes.Length)
        {
            throw Truncated();
        }
        Skip((BlockSize - (size % BlockSize)) % BlockSize);
        return bytes;
    }

    private void Skip(long count)
    {
        Span<byte> scratch = stackalloc byte[BlockSize];
        while (count > 0)
        {
            var read = _stream.Read(scratch[..(int)Math.Min(count, BlockSize)]);
            if (read == 0)
            {
                throw Truncated();
            }
            count -= read;
        }
    }

    internal static FaultException Truncated() => new(FaultKind.DataLoss, "tar: the archive is truncated (unexpected EOF)");
}
