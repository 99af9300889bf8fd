using System.IO.Pipelines;

namespace Gantry.Kube.Api.Streaming.Spdy;

/// <summary>
/// One stream of a SPDY connection. Reading gives what the client sent, 0 bytes after it closed its side; writing sends.
/// </summary>
internal sealed class SpdyStream : Stream
{
    /// <summary>How much may wait for a slow reader before the connection is no longer read.</summary>
    private const long Bound = 1024 * 1024;

    private readonly SpdyConnection _connection;
    private readonly Pipe _incoming = new(new PipeOptions(pauseWriterThreshold: Bound, resumeWriterThreshold: Bound / 2, useSynchronizationContext: false));
    private readonly Stream _reader;
    private int _closed;

    public SpdyStream(SpdyConnection connection, int id, Dictionary<string, string> headers)
    {
        _connection = connection;
        Id = id;
        Headers = headers;
        _reader = _incoming.Reader.AsStream();
    }

    public int Id { get; }

    public Dictionary<string, string> Headers { get; }

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    /// <summary>Data from the client; waits while the reader is far behind.</summary>
    public async ValueTask ReceiveAsync(ReadOnlyMemory<byte> data, CancellationToken cancellationToken)
    {
        if (data.Length > 0)
        {
            await _incoming.Writer.WriteAsync(data, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>The client will send no more.</summary>
    public void EndInput() => _incoming.Writer.Complete();

    /// <summary>Tells the client that nothing more comes on this stream.</summary>
    public async Task CloseAsync()
    {
        if (Interlocked.Exchange(ref _closed, 1) == 0)
        {
            await _connection.SendDataAsync(Id, ReadOnlyMemory<byte>.Empty, last: true, CancellationToken.None).ConfigureAwait(false);
        }
    }

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) => _reader.ReadAsync(buffer, cancellationToken);

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) => _reader.ReadAsync(buffer, offset, count, cancellationToken);

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(Volatile.Read(ref _closed) != 0, this);
        await _connection.SendDataAsync(Id, buffer, last: false, cancellationToken).ConfigureAwait(false);
    }

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) => WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override Task FlushAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public override void Flush()
    {
    }

    public override int Read(byte[] buffer, int offset, int count) => _reader.Read(buffer, offset, count);

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException("use WriteAsync");

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();
}
