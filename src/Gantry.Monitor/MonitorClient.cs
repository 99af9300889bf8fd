using System.Collections.Concurrent;
using Gantry.Faults;
using Gantry.Monitor.Protocol;

namespace Gantry.Monitor;

/// <summary>
/// One container's monitor, seen from gantryd. Thread-safe; any number of requests at once. When the monitor goes away,
/// pending and later requests throw <see cref="FaultKind.Unavailable"/>, but for <see cref="WaitAsync"/> on the container,
/// which then reads the durable record. Disposing disconnects; the container and its monitor carry on.
/// </summary>
public sealed partial class MonitorClient : IAsyncDisposable
{
    private readonly FrameConnection _connection;
    private readonly string _socketPath;
    private readonly CancellationTokenSource _closing = new();
    private readonly ConcurrentDictionary<uint, TaskCompletionSource<byte[]>> _pending = new();
    private readonly Task _receiving;
    private volatile bool _closed;
    private uint _lastId;

    private MonitorClient(FrameConnection connection, string socketPath)
    {
        _connection = connection;
        _socketPath = socketPath;
        Info = new MonitorInfo("", 0, 0, MonitorPhase.Created, "");
        _receiving = ReceiveLoopAsync();
    }

    /// <summary>What the monitor said when this client connected.</summary>
    public MonitorInfo Info { get; private set; }

    /// <summary>The container's first process in the host's pid namespace.</summary>
    public int Pid => Info.Pid;

    /// <summary>Completes when the monitor has closed the connection (it exited, or was killed).</summary>
    public Task Closed => _receiving;

    /// <summary>Connects to a running monitor; throws <see cref="FaultKind.Unavailable"/> when there is none.</summary>
    public static async Task<MonitorClient> ConnectAsync(string socketPath, CancellationToken cancellationToken)
    {
        var connection = await FrameConnection.OpenAsync(socketPath, cancellationToken).ConfigureAwait(false);
        var client = new MonitorClient(connection, socketPath);
        try
        {
            client.Info = await client.InfoAsync(cancellationToken).ConfigureAwait(false);
            return client;
        }
        catch
        {
            await client.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Asks the monitor for its container's present state.</summary>
    public async Task<MonitorInfo> InfoAsync(CancellationToken cancellationToken)
    {
        var reply = await CallAsync(FrameType.Info, new PayloadWriter(), cancellationToken).ConfigureAwait(false);
        return ReadInfo(reply);
    }

    /// <summary>
    /// Starts the created container; returns when its program runs. Throws the reason when the program could not be executed,
    /// and <see cref="FaultKind.FailedPrecondition"/> when it was started already.
    /// </summary>
    public Task StartAsync(CancellationToken cancellationToken) =>
        CallAsync(FrameType.Start, new PayloadWriter(), cancellationToken);

    /// <summary>Signals the container's first process, or with <paramref name="all"/> every process in its cgroup.</summary>
    public Task SignalAsync(int signal, bool all, CancellationToken cancellationToken) =>
        CallAsync(FrameType.Signal, new PayloadWriter().UInt32((uint)signal).Bool(all), cancellationToken);

    /// <summary>Sets the size of a terminal; does nothing for a process without one. A null id is the container.</summary>
    public Task ResizeAsync(string? execId, ushort columns, ushort rows, CancellationToken cancellationToken) =>
        CallAsync(
            FrameType.Resize, new PayloadWriter().String(execId ?? "").UInt16(columns).UInt16(rows), cancellationToken);

    /// <summary>Opens the log file again by its path, after its rename by somebody else.</summary>
    public Task ReopenLogAsync(CancellationToken cancellationToken) =>
        CallAsync(FrameType.ReopenLog, new PayloadWriter(), cancellationToken);

    /// <summary>
    /// Attaches to the output from now on, and to standard input. Several attachments at once each get everything. An
    /// attachment that reads nothing for five minutes while output waits for it is dropped.
    /// </summary>
    public async Task<MonitorAttachment> AttachAsync(
        string? execId, bool stdin, bool stdout, bool stderr, CancellationToken cancellationToken)
    {
        var connection = await FrameConnection.OpenAsync(_socketPath, cancellationToken).ConfigureAwait(false);
        try
        {
            var request = new PayloadWriter().String(execId ?? "").Bool(stdin).Bool(stdout).Bool(stderr);
            await connection.SendAsync(request.ToFrame(FrameType.Attach, 1), cancellationToken).ConfigureAwait(false);
            var reply = await connection.ReceiveAsync(cancellationToken).ConfigureAwait(false)
                ?? throw Gone();
            if (reply.Header.Type == FrameType.Error)
            {
                throw ReadError(reply.Payload);
            }
            return new MonitorAttachment(connection);
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Runs a further process in the container and returns its process id in the host's pid namespace. Throws the reason when
    /// it could not be executed. Its output waits for the first attachment unless the request is detached.
    /// </summary>
    public async Task<int> ExecAsync(ExecRequest request, CancellationToken cancellationToken)
    {
        var payload = new PayloadWriter()
            .String(request.Id).Bool(request.OpenStdin).Bool(request.Detached).Blob(request.ProcessJson.Span);
        var reply = await CallAsync(FrameType.Exec, payload, cancellationToken).ConfigureAwait(false);
        return (int)new PayloadReader(reply).UInt32();
    }

    /// <summary>
    /// Waits until a process has ended; a null id is the container. For the container the answer always comes: when the
    /// monitor is lost without a record, it is exit code 255 with <see cref="ExitRecord.Error"/> set.
    /// </summary>
    public async Task<ExitRecord> WaitAsync(string? execId, CancellationToken cancellationToken)
    {
        try
        {
            var payload = new PayloadWriter().String(execId ?? "");
            return ExitRecord.Parse(await CallAsync(FrameType.Wait, payload, cancellationToken).ConfigureAwait(false));
        }
        catch (FaultException e) when (e.Kind == FaultKind.Unavailable && execId is null)
        {
            return ReadExit(Info.StateDirectory)
                ?? new ExitRecord(255, 0, false, DateTimeOffset.UtcNow, "the container's monitor was lost");
        }
    }

    /// <summary>The durable exit record in a state directory; null when there is none.</summary>
    public static ExitRecord? ReadExit(string stateDirectory)
    {
        try
        {
            return ExitRecord.Parse(File.ReadAllBytes(Path.Combine(stateDirectory, ExitRecord.FileName)));
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
    }

    /// <inheritdoc />
    public async ValueTask DisposeAsync()
    {
        await _closing.CancelAsync().ConfigureAwait(false);
        await _receiving.ConfigureAwait(false);
        _connection.Dispose();
        _closing.Dispose();
    }

    private static MonitorInfo ReadInfo(byte[] payload)
    {
        var reader = new PayloadReader(payload);
        return new MonitorInfo(
            reader.String(), (int)reader.UInt32(), (int)reader.UInt32(), (MonitorPhase)reader.Byte(), reader.String());
    }

    private static FaultException ReadError(byte[] payload)
    {
        var reader = new PayloadReader(payload);
        return new FaultException((FaultKind)reader.Byte(), reader.String());
    }

    private static FaultException Gone() =>
        new(FaultKind.Unavailable, "the container's monitor closed the connection");

    private async Task<byte[]> CallAsync(FrameType type, PayloadWriter payload, CancellationToken cancellationToken)
    {
        var id = Interlocked.Increment(ref _lastId);
        var completion = new TaskCompletionSource<byte[]>(TaskCreationOptions.RunContinuationsAsynchronously);
        _pending[id] = completion;
        try
        {
            // After the entry is there: the receive loop's last act, once it has set _closed, is to fail every entry.
            if (_closed)
            {
                throw Gone();
            }
            await _connection.SendAsync(payload.ToFrame(type, id), cancellationToken).ConfigureAwait(false);
            return await completion.Task.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            _pending.TryRemove(id, out _);
        }
    }

    private async Task ReceiveLoopAsync()
    {
        try
        {
            while (await _connection.ReceiveAsync(_closing.Token).ConfigureAwait(false) is var (header, payload))
            {
                if (!_pending.TryRemove(header.Id, out var completion))
                {
                    continue;
                }
                if (header.Type == FrameType.Error)
                {
                    completion.TrySetException(ReadError(payload));
                }
                else
                {
                    completion.TrySetResult(payload);
                }
            }
        }
        catch (Exception e) when (e is OperationCanceledException or FaultException)
        {
            // Closing, or a peer that does not speak the protocol: either way the conversation is over.
        }
        _closed = true;
        foreach (var completion in _pending.Values)
        {
            completion.TrySetException(Gone());
        }
    }
}
