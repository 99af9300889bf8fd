using System.Buffers;

namespace Gantry.Images.Tar;

/// <summary>The content of one entry: a bounded view of the archive.</summary>
internal sealed class TarDataStream(Stream archive) : Stream
{
    private long _remaining;

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    public void Reset(long size) => _remaining = size;

    public void SkipToEnd()
    {
        if (_remaining == 0)
        {
            return;
        }
        var buffer = ArrayPool<byte>.Shared.Rent(64 * 1024);
        while (Read(buffer) > 0)
        {
        }
        ArrayPool<byte>.Shared.Return(buffer);
    }

    public override int Read(Span<byte> buffer)
    {
        if (_remaining == 0 || buffer.IsEmpty)
        {
            return 0;
        }
        var read = archive.Read(buffer[..(int)Math.Min(buffer.Length, _remaining)]);
        _remaining -= read;
        return read > 0 ? read : throw TarReader.Truncated();
    }

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
}
