using System.Collections.Concurrent;
using System.Diagnostics;
using System.Threading.Channels;
using Gantry.Faults;

namespace Gantry.Store.Tests.Host;

/// <summary>A store in a process of its own, which can be killed with SIGKILL at any moment.</summary>
internal sealed class ProcessStore : IStore
{
    private readonly Process _process;
    private readonly BinaryWriter _writer;
    private readonly BinaryReader _reader;
    private readonly ConcurrentDictionary<int, Channel<StoreEvent>> _watches = new();
    private readonly ConcurrentDictionary<int, (TaskCompletionSource Done, Action<BinaryReader> Read)> _calls = new();
    private readonly TaskCompletionSource _ready = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Task _receiving = Task.CompletedTask;
    private int _lastId;
    private volatile bool _ended;

    private ProcessStore(Process process)
    {
        _process = process;
        _writer = new BinaryWriter(new BufferedStream(process.StandardInput.BaseStream));
        _reader = new BinaryReader(new BufferedStream(process.StandardOutput.BaseStream));
    }

    public bool HasEnded => _ended;

    public long Revision => throw new NotSupportedException();

    // Where watchers begin: with a store that was empty, at its first revision.
    public long CompactedRevision => 1;

    public static async Task<ProcessStore> StartAsync(string path)
    {
        var start = new ProcessStartInfo("dotnet", [typeof(ProcessStore).Assembly.Location, Program.HostArgument, path]) { RedirectStandardInput = true, RedirectStandardOutput = true };
        var store = new ProcessStore(Process.Start(start)!);
        store._receiving = Task.Factory.StartNew(store.Receive, TaskCreationOptions.LongRunning);
        await store._ready.Task.WaitAsync(TimeSpan.FromSeconds(60));
        return store;
    }

    /// <summary>kill -9, and waits until it is gone.</summary>
    public async Task KillAsync()
    {
        _process.Kill();
        await _process.WaitForExitAsync();
        await _receiving;
    }

    public async ValueTask<StoreEntry?> GetAsync(string key, CancellationToken cancellationToken = default)
    {
        StoreEntry? entry = null;
        await AskAsync(Wire.Get, request => request.Write(key), answer => entry = Wire.ReadEntry(answer));
        return entry;
    }

    public async ValueTask<StorePage> RangeAsync(StoreRange range, CancellationToken cancellationToken = default)
    {
        var entries = new List<StoreEntry>();
        var revision = 0L;
        await AskAsync(Wire.Range, request => request.Write(range.Prefix), answer =>
        {
            revision = answer.ReadInt64();
            for (var count = answer.ReadInt32(); count > 0; count--)
            {
                entries.Add(Wire.ReadEntry(answer)!);
            }
        });
        return new StorePage(entries, false, 0, revision);
    }

    public async ValueTask<StoreCommit> CommitAsync(IReadOnlyList<StoreOperation> operations, CancellationToken cancellationToken = default)
    {
        StoreCommit? commit = null;
        await AskAsync(
            Wire.Commit,
            request =>
            {
                request.Write(operations.Count);
                foreach (var operation in operations)
                {
                    request.Write(operation.Key);
                    Wire.WriteBytes(request, operation.Value);
                    request.Write(operation.ExpectedModRevision ?? -1);
                }
            },
            answer => commit = new StoreCommit(answer.ReadInt64(), answer.ReadInt32(), Wire.ReadEntry(answer)));
        return commit!;
    }

    public ValueTask<IStoreWatch> WatchAsync(string prefix, long afterRevision, CancellationToken cancellationToken = default)
    {
        var id = Interlocked.Increment(ref _lastId);
        var channel = _watches[id] = Channel.CreateUnbounded<StoreEvent>();
        Send(id, Wire.Watch, request =>
        {
            request.Write(prefix);
            request.Write(afterRevision);
        });
        return ValueTask.FromResult<IStoreWatch>(new Watch(channel.Reader));
    }

    public ValueTask CompactAsync(long revision, CancellationToken cancellationToken = default) => throw new NotSupportedException();

    public async ValueTask DisposeAsync()
    {
        await KillAsync();
        _process.Dispose();
    }

    private async Task AskAsync(byte kind, Action<BinaryWriter> render, Action<BinaryReader> read)
    {
        var id = Interlocked.Increment(ref _lastId);
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _calls[id] = (done, read);
        Send(id, kind, render);
        await done.Task;
    }

    private void Send(int id, byte kind, Action<BinaryWriter> render)
    {
        lock (_writer)
        {
            try
            {
                _writer.Write(id);
                _writer.Write(kind);
                render(_writer);
                _writer.Flush();
            }
            catch (IOException)
            {
                // The process is gone, which the receiver tells everybody.
            }
        }

        if (_ended)
        {
            Abandon();
        }
    }

    private void Receive()
    {
        try
        {
            while (true)
            {
                var id = _reader.ReadInt32();
                Take(id, _reader.ReadByte());
            }
        }
        catch (Exception end) when (end is IOException or ObjectDisposedException)
        {
            _ended = true;
            Abandon();
        }
    }

    private void Take(int id, byte kind)
    {
        if (id == 0)
        {
            _ready.SetResult();
            return;
        }

        if (kind == Wire.Event)
        {
            _watches[id].Writer.TryWrite(new StoreEvent(_reader.ReadString(), _reader.ReadInt64(), _reader.ReadInt64(), Wire.ReadBytes(_reader), Wire.ReadBytes(_reader)));
            return;
        }

        var fault = kind == Wire.Fault ? new FaultException((FaultKind)_reader.ReadInt32(), _reader.ReadString()) : null;
        if (_watches.TryRemove(id, out var watch))
        {
            watch.Writer.TryComplete(fault);
        }
        else if (_calls.TryRemove(id, out var call))
        {
            if (fault is not null)
            {
                call.Done.SetException(fault);
                return;
            }

            call.Read(_reader);
            call.Done.SetResult();
        }
    }

    private void Abandon()
    {
        var fault = new FaultException(FaultKind.Unavailable, "the process was killed");
        _ready.TrySetException(fault);
        foreach (var id in _calls.Keys)
        {
            if (_calls.TryRemove(id, out var call))
            {
                call.Done.TrySetException(fault);
            }
        }

        foreach (var watch in _watches.Values)
        {
            watch.Writer.TryComplete(fault);
        }
    }

    private sealed record Watch(ChannelReader<StoreEvent> Events) : IStoreWatch
    {
        // Not told over the pipe; the events alone are compared.
        public long Progress => 0;

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
