using Gantry.Faults;
using Gantry.Monitor;

namespace Gantry.Engine.Containers;

/// <summary>
/// The streams of a container or exec. One may be had before the process runs: reading then waits for its start, and no output
/// is lost. Disposing detaches. One reader and one writer at a time.
/// </summary>
public sealed class ContainerStreams : IAsyncDisposable
{
    private readonly TaskCompletionSource<MonitorAttachment?> _attachment = new(TaskCreationOptions.RunContinuationsAsynchronously);

    internal ContainerStreams(bool stdin, bool stdout, bool stderr)
    {
        Stdin = stdin;
        Stdout = stdout;
        Stderr = stderr;
    }

    internal bool Stdin { get; }

    internal bool Stdout { get; }

    internal bool Stderr { get; }

    /// <summary>The next output; empty data is the end (also when the process never started).</summary>
    public async ValueTask<(StdStream Stream, ReadOnlyMemory<byte> Data)> ReadAsync(CancellationToken cancellationToken)
    {
        MonitorAttachment? attachment = await _attachment.Task.WaitAsync(cancellationToken).ConfigureAwait(false);
        return attachment is null ? (StdStream.Stdout, ReadOnlyMemory<byte>.Empty) : await attachment.ReadAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Sends bytes to standard input; dropped when the process is gone.</summary>
    public async ValueTask WriteStdinAsync(ReadOnlyMemory<byte> data, CancellationToken cancellationToken)
    {
        if (await _attachment.Task.WaitAsync(cancellationToken).ConfigureAwait(false) is { } attachment)
        {
            try
            {
                await attachment.WriteStdinAsync(data, cancellationToken).ConfigureAwait(false);
            }
            catch (FaultException fault) when (fault.Kind == FaultKind.Unavailable)
            {
                // The process ended while input was on its way; its exit code is the answer.
            }
        }
    }

    /// <summary>Ends standard input.</summary>
    public async ValueTask CloseStdinAsync(CancellationToken cancellationToken)
    {
        if (await _attachment.Task.WaitAsync(cancellationToken).ConfigureAwait(false) is { } attachment)
        {
            try
            {
                await attachment.CloseStdinAsync(cancellationToken).ConfigureAwait(false);
            }
            catch (FaultException fault) when (fault.Kind == FaultKind.Unavailable)
            {
                // As above.
            }
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (!_attachment.TrySetResult(null) && await _attachment.Task.ConfigureAwait(false) is { } attachment)
        {
            await attachment.DisposeAsync().ConfigureAwait(false);
        }
    }

    /// <summary>Connects the waiting streams; when they were disposed meanwhile, nothing happens.</summary>
    internal async Task ConnectAsync(MonitorClient monitor, string? execId, CancellationToken cancellationToken)
    {
        if (_attachment.Task.IsCompleted)
        {
            return;
        }

        MonitorAttachment attachment = await monitor.AttachAsync(execId, Stdin, Stdout, Stderr, cancellationToken).ConfigureAwait(false);
        if (!_attachment.TrySetResult(attachment))
        {
            await attachment.DisposeAsync().ConfigureAwait(false);
        }
    }

    /// <summary>Ends streams whose process will not start.</summary>
    internal void End() => _attachment.TrySetResult(null);
}
