using Gantry.Faults;
using Gantry.Linux;
using Gantry.Linux.Cgroups;
using Gantry.Linux.Native;
using Gantry.Monitor;
using Gantry.Runtime.Create;
using Gantry.Runtime.State;

namespace Gantry.Runtime.Monitor;

/// <summary>
/// The monitor of one container, from its creation to its end: the parent of its first process and of every exec. One thread,
/// one loop; what could block is done in a clone (<see cref="HelperSource"/>).
/// </summary>
internal sealed partial class MonitorServer : IDisposable
{
    /// <summary>An attachment that takes nothing for so long is dropped.</summary>
    private const int StallLimitMs = 300_000;

    /// <summary>How long the end waits for attachments to take the last output.</summary>
    private const int LingerMs = 10_000;

    /// <summary>Ended execs whose exit code can still be asked for.</summary>
    private const int KeptExecs = 64;

    private readonly MonitorOptions _options;
    private readonly StateStore _store;
    private readonly PollLoop _loop = new();
    private readonly MonitoredProcess _container;
    private readonly List<MonitoredProcess> _execs = [];
    private readonly List<ClientSource> _clients = [];
    private readonly HashSet<int> _helpers = [];
    private readonly Dictionary<int, WaitStatus> _unclaimed = [];
    private readonly JsonLog? _log;
    private readonly ListenSource _listener;
    private readonly SignalSource _signals;
    private FileDescriptor? _answer;
    private ContainerRecord? _record;
    private MonitorPhase _phase = MonitorPhase.Created;

    public MonitorServer(MonitorOptions options, FileDescriptor answer)
    {
        _options = options;
        _answer = answer;
        _store = new StateStore(options.Root);
        _container = new MonitoredProcess("", options.InputOnce) { IsReading = true };
        // Before anything is created: what the container later says must have its place.
        _log = options.Log is { } log ? new JsonLog(log.Path, log.MaxSizeBytes, log.MaxFiles) : null;
        _signals = new SignalSource(Reap);
        Unistd.Unlink(options.Socket);
        _listener = new ListenSource(options.Socket, Accept);
        _loop.Add(_signals);
        _loop.Add(_listener);
    }

    public void Run()
    {
        StartCreation();
        while (_answer is not null || !_container.IsComplete)
        {
            _loop.RunOnce(NextTimeoutMs());
            Tend();
            if (_record is null && _answer is null)
            {
                return; // creation has failed and its reason was sent
            }
        }
        Finish();
    }

    public void Dispose()
    {
        _listener.Dispose();
        _signals.Dispose();
        _log?.Dispose();
        _answer?.Dispose();
    }

    private void StartCreation()
    {
        if (_options.OciRuntime is { } other)
        {
            throw new FaultException(FaultKind.NotImplemented, $"the OCI runtime {other}: only gantry-runtime is supported");
        }
        var pipes = new StandardPipes(_options.OpenInput, openOutput: true);
        var create = new CreateOptions
        {
            Id = _options.Id,
            BundlePath = _options.Bundle,
            Streams = pipes.Streams,
            AsSibling = true,
            DiesWithParent = true,
        };
        AddHelper(
            () =>
            {
                var (record, terminal) = new ContainerCreator(_store).Create(create);
                return (record.Pid, terminal);
            },
            (pid, terminal) =>
            {
                _record = _store.Load(_options.Id);
                Adopt(_container, pid, terminal, pipes, _log);
                AnswerLauncher(null);
            },
            fault =>
            {
                pipes.Dispose();
                AnswerLauncher(fault);
            });
    }

    private void AnswerLauncher(FaultException? fault)
    {
        MonitorCommand.Answer(_answer!.Number, fault);
        _answer.Dispose();
        _answer = null;
    }

    /// <summary>Takes a process over from the helper that made it.</summary>
    private void Adopt(MonitoredProcess process, int pid, FileDescriptor? terminal, StandardPipes pipes, JsonLog? log)
    {
        process.Pid = pid;
        process.Connect(_loop, log, terminal, pipes);
        pipes.Dispose();
        if (_unclaimed.Remove(pid, out var status))
        {
            Ended(process, status);
        }
    }

    private void AddHelper(
        Func<(int Number, FileDescriptor? Descriptor)> work, Action<int, FileDescriptor?> succeeded,
        Action<FaultException> failed)
    {
        var helper = HelperSource.Start(work, succeeded, failed);
        _helpers.Add(helper.Pid);
        _loop.Add(helper);
    }

    private void Reap()
    {
        while (SysWait.Wait(-1, SysWait.WNOHANG, out var status) is var pid and > 0)
        {
            if (_helpers.Remove(pid))
            {
                continue;
            }
            var process = pid == _container.Pid ? _container : _execs.Find(exec => exec.Pid == pid);
            if (process is null)
            {
                _unclaimed[pid] = status; // its helper's message is still on the way
                continue;
            }
            Ended(process, status);
        }
    }

    private void Ended(MonitoredProcess process, WaitStatus status)
    {
        var oom = process == _container && CountOomKills() > 0;
        process.Ended(new ExitRecord(status.ExitCode, status.Signal, oom, DateTimeOffset.UtcNow));
        if (process != _container)
        {
            return;
        }
        _phase = MonitorPhase.Stopped;
        if (_record is { OwnsPidNamespace: false })
        {
            // The kernel ends the processes of a pid namespace with its first one; in a shared one that is left to do.
            ControlGroup.Open(_record.CgroupPath).KillAll();
        }
    }

    private long CountOomKills() => _record is null ? 0 : ControlGroup.Open(_record.CgroupPath).OomKillCount();

    /// <summary>What time does: output that a dead process's children hold, stalled attachments, old execs.</summary>
    private void Tend()
    {
        if (_container.IsOverdue)
        {
            _container.CloseOutputs();
        }
        for (var i = 0; i < _execs.Count; i++)
        {
            if (_execs[i].IsOverdue)
            {
                _execs[i].CloseOutputs();
            }
            if (_execs[i].IsComplete)
            {
                _execs[i].AnswerWaiters();
            }
        }
        if (_clients.Count > 0)
        {
            var limit = Environment.TickCount64 - StallLimitMs;
            _container.DropStalled(limit);
            _execs.ForEach(exec => exec.DropStalled(limit));
        }
    }

    private int NextTimeoutMs()
    {
        if (_container.Exit is not null || _execs.Exists(static exec => exec.Exit is not null && !exec.IsComplete))
        {
            return 100;
        }
        return _clients.Exists(static client => client.IsBlocked) ? 10_000 : -1;
    }

    /// <summary>The container is gone: nothing of it stays but its record and its log.</summary>
    private void Finish()
    {
        _listener.Dispose();
        new ContainerRemoval(_store).Delete(_options.Id, force: true);
        SmallFile.WriteDurable(_options.StateDirectory, ExitRecord.FileName, _container.Exit!.ToJson());
        _container.AnswerWaiters();
        foreach (var exec in _execs)
        {
            exec.CloseOutputs();
            if (exec.Exit is not null)
            {
                exec.AnswerWaiters();
            }
        }
        var end = Environment.TickCount64 + LingerMs;
        while (_clients.Exists(static client => client.IsBlocked) && Environment.TickCount64 < end)
        {
            _loop.RunOnce(100);
        }
    }
}
