using Gantry.Faults;

namespace Gantry.Linux.Zstd;

/// <summary>
/// Reads what another stream holds compressed by zstd (RFC 8878), through the system's libzstd.so.1. The input must end with
/// a whole frame; a truncated one is <c>DataLoss</c>. Owns the input.
/// </summary>
public sealed class ZstdDecompressionStream : Stream
{
    private readonly Stream _input;
    private readonly byte[] _buffer = new byte[128 * 1024];
    private nint _stream;
    private int _start;
    private int _end;
    private bool _atFrameEnd = true;
    // The last call filled its output: the library may hold more without new input.
    private bool _pending;

    /// <summary>Wraps a stream; <c>FailedPrecondition</c> when the library is not installed.</summary>
    public ZstdDecompressionStream(Stream input)
    {
        _input = input;
        try
        {
            _stream = ZstdNative.CreateDecompressor();
        }
        catch (DllNotFoundException error)
        {
            throw new FaultException(FaultKind.FailedPrecondition,
                "the layer is compressed by zstd and libzstd.so.1 is missing: install the package libzstd1", error);
        }
    }

    /// <inheritdoc/>
    public override bool CanRead => true;

    /// <inheritdoc/>
    public override bool CanSeek => false;

    /// <inheritdoc/>
    public override bool CanWrite => false;

    /// <inheritdoc/>
    public override long Length => throw new NotSupportedException();

    /// <inheritdoc/>
    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    /// <inheritdoc/>
    public override int Read(Span<byte> buffer)
    {
        while (!buffer.IsEmpty)
        {
            if (_start == _end && !_pending && !Fill(_input.Read(_buffer)))
            {
                return 0;
            }
            if (Step(buffer) is var produced and > 0)
            {
                return produced;
            }
        }
        return 0;
    }

    /// <inheritdoc/>
    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        while (!buffer.IsEmpty)
        {
            if (_start == _end && !_pending && !Fill(await _input.ReadAsync(_buffer, cancellationToken).ConfigureAwait(false)))
            {
                return 0;
            }
            if (Step(buffer.Span) is var produced and > 0)
            {
                return produced;
            }
        }
        return 0;
    }

    /// <inheritdoc/>
    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    /// <inheritdoc/>
    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    /// <inheritdoc/>
    public override void Flush()
    {
    }

    /// <inheritdoc/>
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    /// <inheritdoc/>
    public override void SetLength(long value) => throw new NotSupportedException();

    /// <inheritdoc/>
    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (_stream != 0)
        {
            _ = ZstdNative.FreeDecompressor(_stream);
            _stream = 0;
        }
        if (disposing)
        {
            _input.Dispose();
        }
        base.Dispose(disposing);
    }

    private bool Fill(int read)
    {
        (_start, _end) = (0, read);
        if (read > 0)
        {
            return true;
        }
        return _atFrameEnd ? false : throw new FaultException(FaultKind.DataLoss, "zstd: the compressed data is truncated");
    }

    private int Step(Span<byte> buffer)
    {
        var result = ZstdNative.Decompress(_stream, buffer, _buffer.AsSpan(_start, _end - _start), out var produced, out var consumed);
        if (ZstdNative.IsError(result))
        {
            throw new FaultException(FaultKind.DataLoss, $"zstd: {ZstdNative.ErrorName(result)}");
        }
        _start += consumed;
        _pending = produced == buffer.Length;
        if (produced > 0 || consumed > 0)
        {
            _atFrameEnd = result == 0;
        }
        return produced;
    }
}
