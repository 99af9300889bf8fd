using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;

namespace Gantry.Kube.Api.Streaming.Spdy;

/// <summary>Header blocks: one zlib stream a direction for the whole connection, flushed after each block.</summary>
internal sealed class SpdyHeaders : IDisposable
{
    /// <summary>No client's streams have more than a handful of short headers.</summary>
    private const int MaxBlock = 64 * 1024;

    private readonly Feed _feed = new();
    private readonly DeflateStream _inflater;
    private bool _started;
    private bool _headerSent;

    public SpdyHeaders()
    {
        _inflater = new DeflateStream(_feed, CompressionMode.Decompress);
    }

    public Dictionary<string, string> Read(ReadOnlySpan<byte> block)
    {
        Start(ref block);
        _feed.Add(block);
        using var plain = new MemoryStream();
        var buffer = new byte[4096];
        int read;
        while ((read = _inflater.Read(buffer)) > 0)
        {
            plain.Write(buffer, 0, read);
            if (plain.Length > MaxBlock)
            {
                throw new InvalidDataException("a SPDY header block is too large");
            }
        }

        return Parse(plain.GetBuffer().AsSpan(0, (int)plain.Length));
    }

    /// <summary>Encodes a block as stored (uncompressed) deflate, without the dictionary: every inflater accepts that.</summary>
    public byte[] Write(IReadOnlyCollection<KeyValuePair<string, string>> headers)
    {
        using var plain = new MemoryStream();
        WriteInt(plain, headers.Count);
        foreach (var (name, value) in headers)
        {
            WriteText(plain, name);
            WriteText(plain, value);
        }

        using var block = new MemoryStream();
        if (!_headerSent)
        {
            // zlib: deflate with a 32 kB window, no dictionary.
            block.Write([0x78, 0x01]);
            _headerSent = true;
        }

        WriteStored(block, plain.ToArray());

        // An empty block is zlib's sync flush: Go's inflater hands out what it has only when it meets one.
        WriteStored(block, []);
        return block.ToArray();
    }

    public void Dispose() => _inflater.Dispose();

    /// <summary>
    /// .NET's inflater takes no preset dictionary. It gets the dictionary as a stored block in front of the client's data,
    /// and its output is dropped: the window is then what the dictionary would have made it.
    /// </summary>
    private void Start(ref ReadOnlySpan<byte> block)
    {
        if (_started)
        {
            return;
        }

        if (block.Length < 2)
        {
            throw new InvalidDataException("the SPDY header block has no zlib header");
        }

        var hasDictionary = (block[1] & 0x20) != 0;
        if (hasDictionary && (block.Length < 6 || BinaryPrimitives.ReadUInt32BigEndian(block[2..]) != SpdyDictionary.Checksum))
        {
            throw new InvalidDataException("the SPDY header block uses an unknown dictionary");
        }

        block = block[(hasDictionary ? 6 : 2)..];
        using var dictionary = new MemoryStream();
        WriteStored(dictionary, SpdyDictionary.Bytes);
        _feed.Add(dictionary.ToArray());
        var dropped = new byte[SpdyDictionary.Bytes.Length];
        _inflater.ReadExactly(dropped);
        _started = true;
    }

    private static Dictionary<string, string> Parse(ReadOnlySpan<byte> plain)
    {
        var headers = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        var at = 0;
        var count = ReadInt(plain, ref at);
        for (var i = 0; i < count; i++)
        {
            headers[ReadText(plain, ref at)] = ReadText(plain, ref at);
        }

        return headers;
    }

    private static int ReadInt(ReadOnlySpan<byte> plain, ref int at)
    {
        if (plain.Length - at < 4)
        {
            throw new InvalidDataException("a SPDY header block is truncated");
        }

        var value = BinaryPrimitives.ReadInt32BigEndian(plain[at..]);
        at += 4;
        return value is >= 0 and <= MaxBlock ? value : throw new InvalidDataException("a SPDY header block has a wrong length");
    }

    private static string ReadText(ReadOnlySpan<byte> plain, ref int at)
    {
        var length = ReadInt(plain, ref at);
        if (plain.Length - at < length)
        {
            throw new InvalidDataException("a SPDY header block is truncated");
        }

        var text = Encoding.UTF8.GetString(plain.Slice(at, length));
        at += length;
        return text;
    }

    private static void WriteInt(Stream output, int value)
    {
        Span<byte> bytes = stackalloc byte[4];
        BinaryPrimitives.WriteInt32BigEndian(bytes, value);
        output.Write(bytes);
    }

    private static void WriteText(Stream output, string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        WriteInt(output, bytes.Length);
        output.Write(bytes);
    }

    /// <summary>A stored block (RFC 1951, 3.2.4); the data is far below its limit of 65,535 bytes.</summary>
    private static void WriteStored(Stream output, ReadOnlySpan<byte> data)
    {
        Span<byte> header = [0, (byte)data.Length, (byte)(data.Length >> 8), (byte)~data.Length, (byte)(~data.Length >> 8)];
        output.Write(header);
        output.Write(data);
    }

    /// <summary>What the inflater reads: the bytes that have come so far.</summary>
    private sealed class Feed : Stream
    {
        private readonly Queue<byte[]> _chunks = new();
        private int _at;

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => throw new NotSupportedException();

        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

        public void Add(ReadOnlySpan<byte> bytes)
        {
            if (bytes.Length > 0)
            {
                _chunks.Enqueue(bytes.ToArray());
            }
        }

        public override int Read(byte[] buffer, int offset, int count)
        {
            if (!_chunks.TryPeek(out var chunk))
            {
                return 0;
            }

            var taken = Math.Min(count, chunk.Length - _at);
            chunk.AsSpan(_at, taken).CopyTo(buffer.AsSpan(offset));
            _at += taken;
            if (_at == chunk.Length)
            {
                _chunks.Dequeue();
                _at = 0;
            }

            return taken;
        }

        public override void Flush()
        {
        }

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }
}
