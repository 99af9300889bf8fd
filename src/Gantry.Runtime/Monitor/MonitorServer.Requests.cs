using Gantry.Faults;
using Gantry.Linux;
using Gantry.Linux.Cgroups;
using Gantry.Linux.Native;
using Gantry.Monitor;
using Gantry.Monitor.Protocol;
using Gantry.Oci.Runtime;
using Gantry.Runtime.Exec;
using Gantry.Runtime.State;

namespace Gantry.Runtime.Monitor;

/// <summary>What clients ask for.</summary>
internal sealed partial class MonitorServer
{
    /// <summary>Handles one frame of a client.</summary>
    public void Handle(ClientSource client, FrameHeader header, ReadOnlySpan<byte> payload)
    {
        try
        {
            if (client.Attached is { } process)
            {
                HandleInput(client, process, header.Type, payload);
                return;
            }
            HandleRequest(client, header, new PayloadReader(payload));
        }
        catch (FaultException e)
        {
            client.ReplyError(header.Id, e);
        }
    }

    /// <summary>A client's connection has closed.</summary>
    public void Forget(ClientSource client)
    {
        _clients.Remove(client);
        _container.ForgetWaiter(client);
        _execs.ForEach(exec => exec.ForgetWaiter(client));
    }

    private static void HandleInput(ClientSource client, MonitoredProcess process, FrameType type, ReadOnlySpan<byte> payload)
    {
        if (!client.WantsInput)
        {
            return;
        }
        if (type == FrameType.Input)
        {
            process.Input?.Write(payload);
        }
        else if (type == FrameType.InputEnd)
        {
            process.EndInput();
        }
    }

    private void Accept(FileDescriptor connection)
    {
        var client = new ClientSource(connection, this);
        _clients.Add(client);
        _loop.Add(client);
    }

    private void HandleRequest(ClientSource client, FrameHeader header, PayloadReader payload)
    {
        switch (header.Type)
        {
            case FrameType.Info:
                client.Reply(header.Id, new PayloadWriter().String(_options.Id).UInt32((uint)_container.Pid)
                    .UInt32((uint)Unistd.ProcessId()).Byte((byte)_phase).String(_options.StateDirectory));
                break;
            case FrameType.Start:
                Start(client, header.Id);
                break;
            case FrameType.Signal:
                SendSignal((int)payload.UInt32(), payload.Bool());
                client.Reply(header.Id, new PayloadWriter());
                break;
            case FrameType.Resize:
                var resized = Find(payload.String());
                var columns = payload.UInt16();
                if (resized.Terminal is { } terminal)
                {
                    SysIoctl.SetSize(terminal.Number, columns, payload.UInt16());
                }
                client.Reply(header.Id, new PayloadWriter());
                break;
            case FrameType.Attach:
                Attach(client, header.Id, payload);
                break;
            case FrameType.Exec:
                StartExec(client, header.Id, payload);
                break;
            case FrameType.Wait:
                Find(payload.String()).AddWaiter(client, header.Id);
                break;
            case FrameType.ReopenLog:
                _log?.Reopen();
                client.Reply(header.Id, new PayloadWriter());
                break;
            default:
                throw new FaultException(FaultKind.NotImplemented, $"monitor: there is no request {header.Type}");
        }
    }

    private MonitoredProcess Find(string execId) =>
        execId.Length == 0
            ? _container
            : _execs.Find(exec => exec.Id == execId)
                ?? throw new FaultException(FaultKind.NotFound, $"container \"{_options.Id}\" has no exec \"{execId}\"");

    private void Attach(ClientSource client, uint requestId, PayloadReader payload)
    {
        var process = Find(payload.String());
        (client.WantsInput, client.WantsOutput, client.WantsError) = (payload.Bool(), payload.Bool(), payload.Bool());
        // The answer first: frames of output follow it.
        client.Reply(requestId, new PayloadWriter());
        process.Attach(client);
    }

    private void Start(ClientSource client, uint requestId)
    {
        if (_phase != MonitorPhase.Created || _container.Pid == 0)
        {
            throw new FaultException(FaultKind.FailedPrecondition, $"container \"{_options.Id}\" was started already");
        }
        var connection = new ContainerStart(_store).Begin(_options.Id);
        _loop.Add(new StartSource(connection, fault =>
        {
            if (fault is not null)
            {
                client.ReplyError(requestId, fault);
                return;
            }
            _phase = _container.Exit is null ? MonitorPhase.Running : _phase;
            client.Reply(requestId, new PayloadWriter());
            RunPoststart();
        }));
    }

    private void RunPoststart()
    {
        if (_record is { HasPoststart: true })
        {
            AddHelper(
                () =>
                {
                    new ContainerStart(_store).RunPoststart(_options.Id);
                    return (0, null);
                },
                static (_, _) => { },
                static fault => CommandOutput.Warn(fault.Message));
        }
    }

    private void SendSignal(int signal, bool all)
    {
        if (_container.Exit is not null)
        {
            throw new FaultException(FaultKind.FailedPrecondition, $"container \"{_options.Id}\" is not running");
        }
        if (all)
        {
            foreach (var pid in ControlGroup.Open(_record!.CgroupPath).ProcessIds())
            {
                Signal.TryKill(pid, signal);
            }
            return;
        }
        // The number is the container's until this process, its parent, reaps it.
        var errno = Signal.TryKill(_container.Pid, signal);
        if (errno != 0)
        {
            throw new LinuxException("kill", $"{_container.Pid}", errno);
        }
    }

    private void StartExec(ClientSource client, uint requestId, PayloadReader payload)
    {
        var id = payload.String();
        var openInput = payload.Bool();
        var detached = payload.Bool();
        var json = payload.Blob().ToArray();
        if (_phase != MonitorPhase.Running)
        {
            throw new FaultException(FaultKind.FailedPrecondition, $"container \"{_options.Id}\" is not running");
        }
        if (id.Length == 0 || _execs.Exists(exec => exec.Id == id))
        {
            throw new FaultException(FaultKind.AlreadyExists, $"container \"{_options.Id}\" has an exec \"{id}\"");
        }
        ForgetOldExecs();
        var exec = new MonitoredProcess(id, closesInputOnce: true) { IsReading = detached };
        var pipes = new StandardPipes(openInput, openOutput: !detached);
        var streams = pipes.Streams;
        _execs.Add(exec);
        AddHelper(
            () => new ExecCreator(_store).Start(new ExecOptions
            {
                Id = _options.Id,
                Process = RuntimeSpecJson.ReadProcess(json),
                Streams = streams,
                AsSibling = true,
            }),
            (pid, terminal) =>
            {
                Adopt(exec, pid, terminal, pipes, null);
                client.Reply(requestId, new PayloadWriter().UInt32((uint)pid));
            },
            fault =>
            {
                pipes.Dispose();
                _execs.Remove(exec);
                client.ReplyError(requestId, fault);
            });
    }

    private void ForgetOldExecs()
    {
        var excess = _execs.Count(static exec => exec.Exit is not null) - KeptExecs;
        for (var i = 0; i < _execs.Count && excess > 0; i++)
        {
            if (_execs[i].Exit is not null)
            {
                _execs[i].CloseOutputs();
                _execs[i].AnswerWaiters();
                _execs.RemoveAt(i--);
                excess--;
            }
        }
    }
}
