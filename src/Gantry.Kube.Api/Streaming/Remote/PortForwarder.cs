using System.Globalization;
using System.Text;
using Gantry.Faults;
using Gantry.Kube.Api.Streaming.Spdy;

namespace Gantry.Kube.Api.Streaming.Remote;

/// <summary>
/// Port-forwarding over a SPDY connection: for each connection the client opens an error and a data stream with the same
/// requestID and a port.
/// </summary>
internal sealed class PortForwarder(INodeProxy node, PodReference pod, SpdyConnection connection)
{
    public const string SpdyProtocol = "portforward.k8s.io";
    public const string WebSocketProtocol = "SPDY/3.1+portforward.k8s.io";

    private readonly Dictionary<string, (SpdyStream? Error, SpdyStream? Data)> _pairs = [];
    private readonly List<Task> _forwards = [];

    /// <summary>Forwards until the client closes the connection.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var reading = ReadAsync(ended);
        await foreach (var stream in connection.Opened.ReadAllAsync(CancellationToken.None).ConfigureAwait(false))
        {
            var id = stream.Headers.GetValueOrDefault("requestID", "0");
            var pair = _pairs.GetValueOrDefault(id);
            pair = stream.Headers.GetValueOrDefault("streamtype") == "error" ? pair with { Error = stream } : pair with { Data = stream };
            _pairs[id] = pair;
            if (pair is { Error: { } error, Data: { } data })
            {
                _pairs.Remove(id);
                _forwards.RemoveAll(static f => f.IsCompleted);
                _forwards.Add(ForwardAsync(error, data, ended.Token));
            }
        }

        await reading.ConfigureAwait(false);
        await Task.WhenAll(_forwards).ConfigureAwait(false);
    }

    private async Task ReadAsync(CancellationTokenSource ended)
    {
        try
        {
            await connection.RunAsync(ended.Token).ConfigureAwait(false);
        }
        catch (Exception e) when (e is IOException or OperationCanceledException or InvalidDataException)
        {
            // The client is gone; the forwards end with it.
        }

        await ended.CancelAsync().ConfigureAwait(false);
    }

    private async Task ForwardAsync(SpdyStream error, SpdyStream data, CancellationToken cancellationToken)
    {
        var port = data.Headers.GetValueOrDefault("port", "");
        try
        {
            if (!ushort.TryParse(port, NumberStyles.None, CultureInfo.InvariantCulture, out var number) || number == 0)
            {
                throw new FaultException(FaultKind.InvalidArgument, $"\"{port}\" is not a port");
            }

            await node.PortForwardAsync(pod, number, data, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when (e is FaultException or IOException or OperationCanceledException or ObjectDisposedException)
        {
            if (!cancellationToken.IsCancellationRequested)
            {
                await TellAsync(error, $"an error occurred forwarding {port} -> {port}: {e.Message}").ConfigureAwait(false);
            }
        }

        await CloseAsync(data).ConfigureAwait(false);
        await CloseAsync(error).ConfigureAwait(false);
    }

    private static async Task TellAsync(SpdyStream error, string text)
        => await error.WriteAsync(Encoding.UTF8.GetBytes(text)).AsTask().ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);

    private async Task CloseAsync(SpdyStream stream)
    {
        await stream.CloseAsync().ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        connection.Forget(stream);
    }
}
