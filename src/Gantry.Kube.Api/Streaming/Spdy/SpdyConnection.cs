using System.Buffers.Binary;
using System.Threading.Channels;

namespace Gantry.Kube.Api.Streaming.Spdy;

/// <summary>
/// The server's side of a SPDY/3.1 connection, as Kubernetes clients use it: the client opens streams, both sides send
/// data on them. Flow control is not used by these clients (moby/spdystream) and not by this server.
/// </summary>
internal sealed class SpdyConnection(Stream transport) : IAsyncDisposable
{
    private const byte FlagFin = 1;
    private const int SynStream = 1;
    private const int SynReply = 2;
    private const int ResetStream = 3;
    private const int Ping = 6;
    private const int GoAway = 7;

    /// <summary>Larger frames are refused; clients send at most 32 kB.</summary>
    private const int MaxFrame = 1 << 20;

    /// <summary>A client may have so many streams: two for each forwarded connection.</summary>
    private const int MaxStreams = 2048;

    private readonly Channel<SpdyStream> _opened = Channel.CreateBounded<SpdyStream>(MaxStreams);
    private readonly Dictionary<int, SpdyStream> _streams = [];
    private readonly SemaphoreSlim _sending = new(1, 1);
    private readonly SpdyHeaders _headers = new();

    /// <summary>The streams that the client opens, in order; completes when the connection ends.</summary>
    public ChannelReader<SpdyStream> Opened => _opened.Reader;

    /// <summary>Reads frames until the client closes the connection.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        var header = new byte[8];
        try
        {
            while (await ReadAsync(header, cancellationToken).ConfigureAwait(false))
            {
                var length = BinaryPrimitives.ReadInt32BigEndian(header.AsSpan(4)) & 0xFFFFFF;
                if (length > MaxFrame)
                {
                    throw new InvalidDataException("a SPDY frame is too large");
                }

                var body = new byte[length];
                if (!await ReadAsync(body, cancellationToken).ConfigureAwait(false) || !await HandleAsync(header, body, cancellationToken).ConfigureAwait(false))
                {
                    break;
                }
            }
        }
        finally
        {
            _opened.Writer.TryComplete();
            lock (_streams)
            {
                foreach (var stream in _streams.Values)
                {
                    stream.EndInput();
                }
            }
        }
    }

    public Task SendDataAsync(int streamId, ReadOnlyMemory<byte> data, bool last, CancellationToken cancellationToken)
    {
        var frame = new byte[8 + data.Length];
        BinaryPrimitives.WriteInt32BigEndian(frame, streamId);
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(4), data.Length);
        frame[4] = last ? FlagFin : (byte)0;
        data.CopyTo(frame.AsMemory(8));
        return SendAsync(frame, cancellationToken);
    }

    /// <summary>Forgets a stream, so that a client may open ever new ones.</summary>
    public void Forget(SpdyStream stream)
    {
        lock (_streams)
        {
            _streams.Remove(stream.Id);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await transport.DisposeAsync().ConfigureAwait(false);
        _headers.Dispose();
        _sending.Dispose();
    }

    private async Task<bool> HandleAsync(byte[] header, byte[] body, CancellationToken cancellationToken)
    {
        if ((header[0] & 0x80) == 0)
        {
            var id = BinaryPrimitives.ReadInt32BigEndian(header);
            if (Find(id) is { } stream)
            {
                await stream.ReceiveAsync(body, cancellationToken).ConfigureAwait(false);
                if ((header[4] & FlagFin) != 0)
                {
                    stream.EndInput();
                }
            }

            return true;
        }

        switch (BinaryPrimitives.ReadUInt16BigEndian(header.AsSpan(2)))
        {
            case SynStream when body.Length >= 10:
                await OpenAsync(header[4], body, cancellationToken).ConfigureAwait(false);
                return true;
            case ResetStream when body.Length >= 8:
                Find(BinaryPrimitives.ReadInt32BigEndian(body))?.EndInput();
                return true;
            case Ping:
                await SendControlAsync(Ping, 0, body, cancellationToken).ConfigureAwait(false);
                return true;
            case GoAway: return false;
            default: return true;
        }
    }

    private async Task OpenAsync(byte flags, byte[] body, CancellationToken cancellationToken)
    {
        // Stream id, associated stream id, priority and slot, then the header block.
        var id = BinaryPrimitives.ReadInt32BigEndian(body) & int.MaxValue;
        var stream = new SpdyStream(this, id, _headers.Read(body.AsSpan(10)));
        lock (_streams)
        {
            if (_streams.Count >= MaxStreams)
            {
                throw new InvalidDataException("the client opens too many SPDY streams");
            }

            _streams[id] = stream;
        }

        if ((flags & FlagFin) != 0)
        {
            stream.EndInput();
        }

        var block = _headers.Write([]);
        var reply = new byte[4 + block.Length];
        BinaryPrimitives.WriteInt32BigEndian(reply, id);
        block.CopyTo(reply.AsSpan(4));
        await SendControlAsync(SynReply, 0, reply, cancellationToken).ConfigureAwait(false);
        await _opened.Writer.WriteAsync(stream, cancellationToken).ConfigureAwait(false);
    }

    private SpdyStream? Find(int id)
    {
        lock (_streams)
        {
            return _streams.GetValueOrDefault(id);
        }
    }

    private Task SendControlAsync(int type, byte flags, byte[] body, CancellationToken cancellationToken)
    {
        var frame = new byte[8 + body.Length];
        BinaryPrimitives.WriteUInt16BigEndian(frame, 0x8003);
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(2), (ushort)type);
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(4), body.Length);
        frame[4] = flags;
        body.CopyTo(frame.AsSpan(8));
        return SendAsync(frame, cancellationToken);
    }

    private async Task SendAsync(byte[] frame, CancellationToken cancellationToken)
    {
        await _sending.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            await transport.WriteAsync(frame, cancellationToken).ConfigureAwait(false);
            await transport.FlushAsync(cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            _sending.Release();
        }
    }

    private async Task<bool> ReadAsync(byte[] buffer, CancellationToken cancellationToken)
        => await transport.ReadAtLeastAsync(buffer, buffer.Length, throwOnEndOfStream: false, cancellationToken).ConfigureAwait(false) == buffer.Length;
}
