using Gantry.Kube.Api.Json;
using Gantry.Kube.Api.Requests;
using Gantry.Kube.Api.Streaming.Spdy;

namespace Gantry.Kube.Api.Streaming.Remote;

/// <summary>Channels over SPDY, protocol v4.channel.k8s.io: one stream each, known by its streamtype header.</summary>
internal sealed class SpdyChannels : RemoteChannels
{
    public static readonly string[] Protocols = ["v4.channel.k8s.io"];

    /// <summary>Upstream's limit for the client to open its streams.</summary>
    private static readonly TimeSpan OpenTimeout = TimeSpan.FromSeconds(30);

    private readonly SpdyConnection _connection;
    private readonly CancellationTokenSource _gone;
    private readonly Dictionary<string, SpdyStream> _streams = [];
    private readonly Task _running;
    private Task _resizing = Task.CompletedTask;

    private SpdyChannels(SpdyConnection connection, CancellationToken aborted)
    {
        _connection = connection;
        _gone = CancellationTokenSource.CreateLinkedTokenSource(aborted);
        _running = RunAsync();
    }

    public override CancellationToken Gone => _gone.Token;

    /// <summary>Waits for the streams that the request asks for.</summary>
    public static async Task<SpdyChannels> OpenAsync(Stream transport, bool stdin, bool stdout, bool stderr, bool tty, CancellationToken aborted)
    {
        var channels = new SpdyChannels(new SpdyConnection(transport), aborted);
        var expected = 1 + (stdin ? 1 : 0) + (stdout ? 1 : 0) + (stderr ? 1 : 0) + (tty ? 1 : 0);
        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(channels._gone.Token);
        timeout.CancelAfter(OpenTimeout);
        try
        {
            while (channels._streams.Count < expected)
            {
                var stream = await channels._connection.Opened.ReadAsync(timeout.Token).ConfigureAwait(false);
                channels._streams[stream.Headers.GetValueOrDefault("streamtype", "")] = stream;
            }
        }
        catch (Exception e) when (e is OperationCanceledException or System.Threading.Channels.ChannelClosedException)
        {
            await channels.DisposeAsync().ConfigureAwait(false);
            throw StatusErrors.Timeout("the client did not open its streams");
        }

        channels.Input = stdin ? channels._streams.GetValueOrDefault("stdin") : null;
        channels.Output = stdout ? channels._streams.GetValueOrDefault("stdout") : null;
        channels.Error = stderr ? channels._streams.GetValueOrDefault("stderr") : null;
        channels._resizing = channels.ReadResizesAsync();
        return channels;
    }

    public override async Task FinishAsync(JsonMap status)
    {
        if (_streams.TryGetValue("error", out var error))
        {
            await error.WriteAsync(JsonTree.ToUtf8(status)).ConfigureAwait(false);
        }

        foreach (var stream in _streams.Values)
        {
            await stream.CloseAsync().ConfigureAwait(false);
        }
    }

    public override async ValueTask DisposeAsync()
    {
        // The client closes the connection after it has read the outcome; one that does not is cut off.
        await Task.WhenAny(_running, Task.Delay(TimeSpan.FromSeconds(1))).ConfigureAwait(false);
        await _gone.CancelAsync().ConfigureAwait(false);
        await _connection.DisposeAsync().ConfigureAwait(false);
        await _running.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await _resizing.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _gone.Dispose();
    }

    private async Task RunAsync()
    {
        try
        {
            await _connection.RunAsync(_gone.Token).ConfigureAwait(false);
        }
        catch (Exception e) when (e is IOException or OperationCanceledException or InvalidDataException or ObjectDisposedException)
        {
            // The connection is broken or the client speaks nonsense: either way it ends here, and Gone tells.
        }

        await _gone.CancelAsync().ConfigureAwait(false);
    }

    private async Task ReadResizesAsync()
    {
        if (_streams.TryGetValue("resize", out var stream))
        {
            // Each size is one JSON object followed by a newline.
            using var reader = new StreamReader(stream);
            while (await reader.ReadLineAsync(_gone.Token).ConfigureAwait(false) is { } line)
            {
                Resize(System.Text.Encoding.UTF8.GetBytes(line));
            }
        }

        EndResizes();
    }
}
