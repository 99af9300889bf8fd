using System.Net.Sockets;
using Gantry.Faults;
using Gantry.Monitor.Protocol;

namespace Gantry.Monitor;

/// <summary>A client's end of a monitor's socket. One reader at a time; writers take turns.</summary>
internal sealed class FrameConnection : IDisposable
{
    private readonly Socket _socket;
    private readonly SemaphoreSlim _writing = new(1, 1);
    private readonly byte[] _header = new byte[FrameHeader.Size];

    private FrameConnection(Socket socket) => _socket = socket;

    public static async Task<FrameConnection> OpenAsync(string socketPath, CancellationToken cancellationToken)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(socketPath), cancellationToken).ConfigureAwait(false);
            return new FrameConnection(socket);
        }
        catch (SocketException e)
        {
            socket.Dispose();
            throw new FaultException(FaultKind.Unavailable, $"connect {socketPath}: {e.Message}", e);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    public async ValueTask SendAsync(ReadOnlyMemory<byte> frame, CancellationToken cancellationToken)
    {
        await _writing.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            // Not cancelled once begun: half a frame would end the conversation.
            while (frame.Length > 0)
            {
                var sent = await _socket.SendAsync(frame, SocketFlags.None, CancellationToken.None).ConfigureAwait(false);
                frame = frame[sent..];
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            throw new FaultException(FaultKind.Unavailable, "the monitor's connection is closed", e);
        }
        finally
        {
            _writing.Release();
        }
    }

    /// <summary>Reads one frame; null at the connection's end.</summary>
    public async ValueTask<(FrameHeader Header, byte[] Payload)?> ReceiveAsync(CancellationToken cancellationToken)
    {
        if (!await FillAsync(_header, cancellationToken).ConfigureAwait(false))
        {
            return null;
        }
        if (!FrameHeader.TryRead(_header, out var header))
        {
            throw new FaultException(FaultKind.Internal, $"monitor frame: length {header.Length} is out of range");
        }
        var payload = header.Length == 0 ? [] : new byte[header.Length];
        return await FillAsync(payload, cancellationToken).ConfigureAwait(false) ? (header, payload) : null;
    }

    public void Dispose()
    {
        _socket.Dispose();
        _writing.Dispose();
    }

    private async ValueTask<bool> FillAsync(Memory<byte> buffer, CancellationToken cancellationToken)
    {
        while (buffer.Length > 0)
        {
            int count;
            try
            {
                count = await _socket.ReceiveAsync(buffer, SocketFlags.None, cancellationToken).ConfigureAwait(false);
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                return false;
            }
            if (count == 0)
            {
                return false;
            }
            buffer = buffer[count..];
        }
        return true;
    }
}
