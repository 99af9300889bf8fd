using Gantry.Monitor.Protocol;

namespace Gantry.Monitor;

/// <summary>
/// A live connection to the streams of a container or an exec. Disposing it detaches. Reads and writes may run at the same
/// time, one of each.
/// </summary>
public sealed class MonitorAttachment : IAsyncDisposable
{
    private const int WriteChunk = 32 * 1024;

    private readonly FrameConnection _connection;

    internal MonitorAttachment(FrameConnection connection) => _connection = connection;

    /// <summary>
    /// The next output. Empty data is the end: the process closed its output, or the monitor dropped this attachment.
    /// The data is the caller's.
    /// </summary>
    public async ValueTask<(StdStream Stream, ReadOnlyMemory<byte> Data)> ReadAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            if (await _connection.ReceiveAsync(cancellationToken).ConfigureAwait(false) is not var (header, payload)
                || header.Type == FrameType.OutputEnd)
            {
                return (StdStream.Stdout, ReadOnlyMemory<byte>.Empty);
            }
            if (header.Type == FrameType.Output && payload.Length > 0)
            {
                return (header.Stream, payload);
            }
        }
    }

    /// <summary>Sends bytes to standard input; they are dropped when it is closed or was not asked for.</summary>
    public async ValueTask WriteStdinAsync(ReadOnlyMemory<byte> data, CancellationToken cancellationToken)
    {
        while (data.Length > 0)
        {
            var part = data[..Math.Min(WriteChunk, data.Length)];
            var frame = new byte[FrameHeader.Size + part.Length];
            new FrameHeader(part.Length, FrameType.Input, StdStream.Stdin, 0).Write(frame);
            part.CopyTo(frame.AsMemory(FrameHeader.Size));
            await _connection.SendAsync(frame, cancellationToken).ConfigureAwait(false);
            data = data[part.Length..];
        }
    }

    /// <summary>
    /// Ends standard input: of an exec always, of the container when it was launched with StdinOnce. A terminal's input
    /// stays open.
    /// </summary>
    public ValueTask CloseStdinAsync(CancellationToken cancellationToken) =>
        _connection.SendAsync(new PayloadWriter().ToFrame(FrameType.InputEnd, 0), cancellationToken);

    /// <inheritdoc />
    public ValueTask DisposeAsync()
    {
        _connection.Dispose();
        return ValueTask.CompletedTask;
    }
}
