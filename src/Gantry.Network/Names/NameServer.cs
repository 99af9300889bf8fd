using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using Gantry.Network.Files;

namespace Gantry.Network.Names;

/// <summary>
/// The resolver of one network: listens on the bridge's address on a port of its own, to which nftables redirects port 53
/// (so that a name server of the host on port 53 is no obstacle). Forwards what is not a container's name to the host's
/// resolvers. At most <see cref="MaxPending"/> forwarded queries are under way; more are answered with SERVFAIL.
/// </summary>
public sealed class NameServer : IDisposable
{
    private const int MaxPending = 256;
    private const int MaxMessageSize = 65535;
    // resolv.conf(5)'s defaults are 5 s and two attempts; a container's own resolver gives up after 5 s, so answer before.
    private static readonly TimeSpan s_upstreamTimeout = TimeSpan.FromSeconds(2);
    private readonly Socket _udp;
    private readonly Socket _tcp;
    private readonly IDnsResponder _responder;
    private readonly string _hostResolvConf;
    private readonly CancellationTokenSource _stopping = new();
    private readonly SemaphoreSlim _pending = new(MaxPending);

    private NameServer(Socket udp, Socket tcp, IDnsResponder responder, string hostResolvConf)
    {
        _udp = udp;
        _tcp = tcp;
        _responder = responder;
        _hostResolvConf = hostResolvConf;
        Port = (ushort)((IPEndPoint)udp.LocalEndPoint!).Port;
    }

    /// <summary>The port on which it listens, with UDP and TCP.</summary>
    public ushort Port { get; }

    /// <summary>Starts listening on an address of the host.</summary>
    public static NameServer Start(IPAddress address, IDnsResponder responder, string hostResolvConf)
    {
        for (int attempt = 0; ; attempt++)
        {
            Socket udp = new(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
            Socket tcp = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            try
            {
                udp.Bind(new IPEndPoint(address, 0));
                tcp.Bind(udp.LocalEndPoint!);
                tcp.Listen(64);
                NameServer server = new(udp, tcp, responder, hostResolvConf);
                _ = Task.Run(server.ServeDatagramsAsync);
                _ = Task.Run(server.ServeStreamsAsync);
                return server;
            }
            catch (SocketException exception) when (exception.SocketErrorCode == SocketError.AddressAlreadyInUse && attempt < 20)
            {
                // The port that UDP got is somebody's TCP port: try another one.
                udp.Dispose();
                tcp.Dispose();
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _stopping.Cancel();
        _udp.Dispose();
        _tcp.Dispose();
    }

    private async Task ServeDatagramsAsync()
    {
        byte[] buffer = new byte[MaxMessageSize];
        while (!_stopping.IsCancellationRequested)
        {
            try
            {
                SocketReceiveFromResult received = await _udp.ReceiveFromAsync(buffer, new IPEndPoint(IPAddress.Any, 0), _stopping.Token).ConfigureAwait(false);
                byte[] query = buffer[..received.ReceivedBytes];
                IPEndPoint asking = (IPEndPoint)received.RemoteEndPoint;
                _ = AnswerDatagramAsync(query, asking);
            }
            catch (Exception exception) when (exception is OperationCanceledException or ObjectDisposedException)
            {
                return;
            }
            catch (SocketException)
            {
                // An ICMP error for an earlier answer is reported by the next receive; it concerns nobody else.
            }
        }
    }

    private async Task AnswerDatagramAsync(byte[] query, IPEndPoint asking)
    {
        try
        {
            byte[]? reply = await AnswerAsync(query, asking.Address, stream: false).ConfigureAwait(false);
            if (reply is not null)
            {
                await _udp.SendToAsync(reply, asking, _stopping.Token).ConfigureAwait(false);
            }
        }
        catch (Exception exception) when (exception is SocketException or OperationCanceledException or ObjectDisposedException)
        {
            // The asker is gone, or this server is: there is nobody to tell.
        }
    }

    private async Task ServeStreamsAsync()
    {
        while (!_stopping.IsCancellationRequested)
        {
            try
            {
                Socket connection = await _tcp.AcceptAsync(_stopping.Token).ConfigureAwait(false);
                _ = ServeConnectionAsync(connection);
            }
            catch (Exception exception) when (exception is OperationCanceledException or ObjectDisposedException)
            {
                return;
            }
            catch (SocketException)
            {
                // A connection that was reset before it was accepted.
            }
        }
    }

    private async Task ServeConnectionAsync(Socket connection)
    {
        using Socket owned = connection;
        using CancellationTokenSource timeout = CancellationTokenSource.CreateLinkedTokenSource(_stopping.Token);
        timeout.CancelAfter(TimeSpan.FromSeconds(10));
        try
        {
            using NetworkStream stream = new(connection);
            IPAddress asking = ((IPEndPoint)connection.RemoteEndPoint!).Address;
            byte[] length = new byte[2];
            while (await stream.ReadAtLeastAsync(length, 2, throwOnEndOfStream: false, timeout.Token).ConfigureAwait(false) == 2)
            {
                byte[] query = new byte[BinaryPrimitives.ReadUInt16BigEndian(length)];
                await stream.ReadExactlyAsync(query, timeout.Token).ConfigureAwait(false);
                byte[]? reply = await AnswerAsync(query, asking, stream: true).ConfigureAwait(false);
                if (reply is null)
                {
                    return;
                }

                BinaryPrimitives.WriteUInt16BigEndian(length, (ushort)reply.Length);
                await stream.WriteAsync(length, timeout.Token).ConfigureAwait(false);
                await stream.WriteAsync(reply, timeout.Token).ConfigureAwait(false);
            }
        }
        catch (Exception exception) when (exception is IOException or SocketException or OperationCanceledException)
        {
            // The asker went away or was too slow: the connection is closed.
        }
    }

    private async Task<byte[]?> AnswerAsync(byte[] query, IPAddress asking, bool stream)
    {
        DnsQuestion? question = DnsQuestion.TryParse(query);
        if (question is null)
        {
            return null;
        }

        if (_responder.Answer(asking, question) is { } answer)
        {
            return answer;
        }

        if (!await _pending.WaitAsync(0).ConfigureAwait(false))
        {
            return question.Refuse(DnsQuestion.ServerFailure);
        }

        try
        {
            return await ForwardAsync(query, stream).ConfigureAwait(false) ?? question.Refuse(DnsQuestion.ServerFailure);
        }
        finally
        {
            _pending.Release();
        }
    }

    private async Task<byte[]?> ForwardAsync(byte[] query, bool stream)
    {
        foreach (string server in ResolvConf.Read(_hostResolvConf).Servers.Take(3))
        {
            if (!IPAddress.TryParse(server, out IPAddress? address))
            {
                continue;
            }

            using CancellationTokenSource timeout = CancellationTokenSource.CreateLinkedTokenSource(_stopping.Token);
            timeout.CancelAfter(s_upstreamTimeout);
            try
            {
                IPEndPoint upstream = new(address, 53);
                return stream ? await AskStreamAsync(upstream, query, timeout.Token).ConfigureAwait(false) : await AskDatagramAsync(upstream, query, timeout.Token).ConfigureAwait(false);
            }
            catch (Exception exception) when (exception is SocketException or IOException or OperationCanceledException)
            {
                // This resolver does not answer: the next one is asked.
            }
        }

        return null;
    }

    private static async Task<byte[]> AskDatagramAsync(IPEndPoint server, byte[] query, CancellationToken cancellationToken)
    {
        using Socket socket = new(server.AddressFamily, SocketType.Dgram, ProtocolType.Udp);
        await socket.ConnectAsync(server, cancellationToken).ConfigureAwait(false);
        await socket.SendAsync(query, cancellationToken).ConfigureAwait(false);
        byte[] reply = new byte[MaxMessageSize];
        while (true)
        {
            int length = await socket.ReceiveAsync(reply, cancellationToken).ConfigureAwait(false);
            if (length >= 2 && reply[0] == query[0] && reply[1] == query[1])
            {
                return reply[..length];
            }
        }
    }

    private static async Task<byte[]> AskStreamAsync(IPEndPoint server, byte[] query, CancellationToken cancellationToken)
    {
        using Socket socket = new(server.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(server, cancellationToken).ConfigureAwait(false);
        using NetworkStream connection = new(socket);
        byte[] framed = new byte[query.Length + 2];
        BinaryPrimitives.WriteUInt16BigEndian(framed, (ushort)query.Length);
        query.CopyTo(framed, 2);
        await connection.WriteAsync(framed, cancellationToken).ConfigureAwait(false);
        await connection.ReadExactlyAsync(framed.AsMemory(0, 2), cancellationToken).ConfigureAwait(false);
        byte[] reply = new byte[BinaryPrimitives.ReadUInt16BigEndian(framed)];
        await connection.ReadExactlyAsync(reply, cancellationToken).ConfigureAwait(false);
        return reply;
    }
}
