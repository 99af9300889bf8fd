using System.IO.Pipelines;
using System.Net.WebSockets;
using Gantry.Kube.Api.Json;

namespace Gantry.Kube.Api.Streaming.Remote;

/// <summary>
/// Channels over a WebSocket, protocols v4.channel.k8s.io and v5.channel.k8s.io: the first byte of each binary message is
/// the channel; in v5 the message {255, channel} closes one.
/// </summary>
internal sealed class WebSocketChannels : RemoteChannels
{
    public static readonly string[] Protocols = ["v5.channel.k8s.io", "v4.channel.k8s.io"];

    private const byte StdinChannel = 0;
    private const byte StdoutChannel = 1;
    private const byte StderrChannel = 2;
    private const byte ErrorChannel = 3;
    private const byte ResizeChannel = 4;
    private const byte CloseChannel = 255;

    private readonly WebSocket _socket;
    private readonly Pipe _input = new();
    private readonly SemaphoreSlim _sending = new(1, 1);
    private readonly CancellationTokenSource _gone;
    private readonly Task _receiving;

    public WebSocketChannels(WebSocket socket, bool stdin, bool stdout, bool stderr, CancellationToken aborted)
    {
        _socket = socket;
        _gone = CancellationTokenSource.CreateLinkedTokenSource(aborted);
        Input = stdin ? _input.Reader.AsStream() : null;
        Output = stdout ? new MessageStream(this, StdoutChannel) : null;
        Error = stderr ? new MessageStream(this, StderrChannel) : null;
        _receiving = Task.Run(ReceiveAsync, CancellationToken.None);
    }

    public override CancellationToken Gone => _gone.Token;

    public override async Task FinishAsync(JsonMap status)
    {
        await SendAsync(ErrorChannel, JsonTree.ToUtf8(status), CancellationToken.None).ConfigureAwait(false);
        if (_socket.State is WebSocketState.Open or WebSocketState.CloseReceived)
        {
            await _socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, CancellationToken.None).ConfigureAwait(false);
        }
    }

    public override async ValueTask DisposeAsync()
    {
        // The client closes after it has read the outcome; one that does not is cut off.
        await Task.WhenAny(_receiving, Task.Delay(TimeSpan.FromSeconds(1))).ConfigureAwait(false);
        await _gone.CancelAsync().ConfigureAwait(false);
        _socket.Dispose();
        await _receiving.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _gone.Dispose();
        _sending.Dispose();
    }

    private async Task ReceiveAsync()
    {
        var buffer = new byte[32 * 1024];
        try
        {
            while (true)
            {
                var (length, end) = await ReceiveMessageAsync(buffer).ConfigureAwait(false);
                if (end)
                {
                    break;
                }

                if (length > 0)
                {
                    await DispatchAsync(buffer.AsMemory(0, length)).ConfigureAwait(false);
                }
            }
        }
        catch (Exception e) when (e is WebSocketException or OperationCanceledException or IOException)
        {
            // The client has gone without a close frame; Gone tells whoever waits.
        }

        await _input.Writer.CompleteAsync().ConfigureAwait(false);
        EndResizes();
        await _gone.CancelAsync().ConfigureAwait(false);
    }

    /// <summary>One message; the rest of one that is longer than the buffer comes as messages of the same channel.</summary>
    private async Task<(int Length, bool End)> ReceiveMessageAsync(byte[] buffer)
    {
        var length = 0;
        while (true)
        {
            var part = await _socket.ReceiveAsync(buffer.AsMemory(length), _gone.Token).ConfigureAwait(false);
            if (part.MessageType == WebSocketMessageType.Close)
            {
                return (0, true);
            }

            length += part.Count;
            if (part.EndOfMessage)
            {
                return (length, false);
            }

            if (length == buffer.Length)
            {
                await DispatchAsync(buffer).ConfigureAwait(false);
                length = 1;
            }
        }
    }

    private async Task DispatchAsync(ReadOnlyMemory<byte> message)
    {
        switch (message.Span[0])
        {
            case StdinChannel when message.Length > 1:
                await _input.Writer.WriteAsync(message[1..], _gone.Token).ConfigureAwait(false);
                break;
            case ResizeChannel: Resize(message.Span[1..]); break;
            case CloseChannel when message.Length > 1 && message.Span[1] == StdinChannel: await _input.Writer.CompleteAsync().ConfigureAwait(false); break;
            default: break;
        }
    }

    private async Task SendAsync(byte channel, ReadOnlyMemory<byte> data, CancellationToken cancellationToken)
    {
        var message = new byte[data.Length + 1];
        message[0] = channel;
        data.CopyTo(message.AsMemory(1));
        await _sending.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            await _socket.SendAsync(message, WebSocketMessageType.Binary, true, cancellationToken).ConfigureAwait(false);
        }
        catch (WebSocketException e)
        {
            throw new IOException("the client has closed the connection", e);
        }
        finally
        {
            _sending.Release();
        }
    }

    private sealed class MessageStream(WebSocketChannels owner, byte channel) : WriteOnlyStream
    {
        public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            if (buffer.Length > 0)
            {
                await owner.SendAsync(channel, buffer, cancellationToken).ConfigureAwait(false);
            }
        }
    }
}
