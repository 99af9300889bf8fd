using System.Text.Json;
using System.Threading.Channels;
using Gantry.Kube.Api.Json;

namespace Gantry.Kube.Api.Streaming.Remote;

/// <summary>The streams of an exec or attach, however they are carried. Dispose ends the connection.</summary>
internal abstract class RemoteChannels : IAsyncDisposable
{
    private readonly Channel<TerminalSize> _resizes = Channel.CreateBounded<TerminalSize>(new BoundedChannelOptions(8) { FullMode = BoundedChannelFullMode.DropOldest });

    public Stream? Input { get; protected set; }

    public Stream? Output { get; protected set; }

    public Stream? Error { get; protected set; }

    public PodStreams Streams => new(Input, Output, Error, _resizes.Reader);

    /// <summary>Cancelled when the client goes away.</summary>
    public abstract CancellationToken Gone { get; }

    /// <summary>Reports the outcome (a metav1.Status) and closes all streams.</summary>
    public abstract Task FinishAsync(JsonMap status);

    public abstract ValueTask DisposeAsync();

    /// <summary>Takes a terminal size as clients send it: {"Width":80,"Height":24}.</summary>
    protected void Resize(ReadOnlySpan<byte> json)
    {
        try
        {
            var map = JsonTree.ParseMap(json);
            if (map.Number("Width") is > 0 and <= ushort.MaxValue and var width && map.Number("Height") is > 0 and <= ushort.MaxValue and var height)
            {
                _resizes.Writer.TryWrite(new TerminalSize((ushort)width, (ushort)height));
            }
        }
        catch (JsonException)
        {
            // A malformed size changes nothing, as upstream.
        }
    }

    protected void EndResizes() => _resizes.Writer.TryComplete();
}
