using Gantry.Engine.Containers;
using Gantry.Engine.Execs;
using Gantry.Engine.Logs;
using Gantry.Faults;
using Gantry.Monitor;

namespace Gantry.Engine;

/// <content>Streams: attach, logs, exec.</content>
public sealed partial class ContainerEngine
{
    /// <summary>
    /// Attaches to a container's streams: to a running one from now on, to one that is not started yet from its first byte.
    /// </summary>
    public async Task<ContainerStreams> AttachAsync(string reference, bool stdin, bool stdout, bool stderr, CancellationToken cancellationToken)
    {
        Container container = _table.Get(reference);
        ContainerStreams streams = new(stdin && container.Record.Spec.OpenStdin, stdout, stderr);
        await container.Turn.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (container.Record.Status == ContainerStatus.Paused)
            {
                throw new FaultException(FaultKind.Conflict, $"Container {container.Record.Name} is paused, unpause the container before attach");
            }

            if (container.Monitor is { } monitor)
            {
                await streams.ConnectAsync(monitor, null, cancellationToken).ConfigureAwait(false);
            }
            else
            {
                lock (container.Waiting)
                {
                    container.Waiting.Add(streams);
                }
            }

            return streams;
        }
        finally
        {
            container.Turn.Release();
        }
    }

    /// <summary>
    /// A container's log. With Follow it goes on until the run ends. <c>NotImplemented</c> when the container's driver keeps none.
    /// </summary>
    public IAsyncEnumerable<LogEntry> ReadLogsAsync(string reference, LogQuery query, CancellationToken cancellationToken)
    {
        Container container = _table.Get(reference);
        string path = _launcher.LogPath(container.Record)
            ?? throw new FaultException(FaultKind.NotImplemented, "configured logging driver does not support reading");
        return new LogFile(path).ReadAsync(query, EndsAsync(container), cancellationToken);
    }

    /// <summary>Completes when the container neither runs nor waits for a restart.</summary>
    private static async Task EndsAsync(Container container)
    {
        while (container.Record.Status is ContainerStatus.Running or ContainerStatus.Paused or ContainerStatus.Restarting)
        {
            await container.Exited.Task.ConfigureAwait(false);
        }
    }

    /// <summary>Asks the monitor to open the log file again after a caller renamed it (the kubelet's rotation).</summary>
    public async Task ReopenLogAsync(string reference, CancellationToken cancellationToken)
    {
        Container container = _table.Get(reference);
        MonitorClient monitor = container.Monitor ?? throw NotRunning(container.Record);
        await monitor.ReopenLogAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Sets a container's terminal size.</summary>
    public async Task ResizeAsync(string reference, ushort columns, ushort rows, CancellationToken cancellationToken)
    {
        Container container = _table.Get(reference);
        MonitorClient monitor = container.Monitor ?? throw NotRunning(container.Record);
        await monitor.ResizeAsync(null, columns, rows, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Makes an exec in a running container, without starting it; <c>Conflict</c> when it does not run.</summary>
    public ExecStatus CreateExec(string reference, ExecSpec spec) => _execs.Create(_table.Get(reference), spec);

    /// <summary>An exec.</summary>
    public ExecStatus GetExec(string id) => _execs.Get(id);

    /// <summary>The execs of a container that have not ended.</summary>
    public IEnumerable<string> ListExecs(string containerId) => _execs.IdsOf(containerId);

    /// <summary>Starts an exec and returns its streams from their first byte; null when it is detached.</summary>
    public Task<ContainerStreams?> StartExecAsync(string id, bool detached, TerminalSize? size, CancellationToken cancellationToken) =>
        _execs.StartAsync(id, detached, size, cancellationToken);

    /// <summary>Waits for an exec's exit code.</summary>
    public Task<int> WaitExecAsync(string id, CancellationToken cancellationToken) => _execs.WaitAsync(id, cancellationToken);

    /// <summary>Sets an exec's terminal size.</summary>
    public Task ResizeExecAsync(string id, ushort columns, ushort rows, CancellationToken cancellationToken) => _execs.ResizeAsync(id, columns, rows, cancellationToken);

    /// <summary>
    /// Runs a program in a container to its end (probes, hooks): at most <paramref name="limitBytes"/> of each stream; after the
    /// time it is killed and <c>DeadlineExceeded</c> thrown. Zero is no limit of time.
    /// </summary>
    public Task<ExecResult> ExecAsync(string reference, ExecSpec spec, TimeSpan timeout, int limitBytes, CancellationToken cancellationToken) =>
        _execs.RunAsync(_table.Get(reference), spec, timeout, limitBytes, cancellationToken);
}
