using Gantry.Linux;
using Gantry.Linux.Native;
using Gantry.Monitor;
using Gantry.Monitor.Protocol;

namespace Gantry.Runtime.Monitor;

/// <summary>The container's first process, or an exec: its streams, who is attached, who waits for its end.</summary>
internal sealed class MonitoredProcess(string id, bool closesInputOnce)
{
    /// <summary>How long output may stay open after the process: children that it left behind may hold it.</summary>
    private const int OutputGraceMs = 2000;

    private readonly List<OutputSource> _outputs = [];
    private readonly List<ClientSource> _attached = [];
    private readonly List<(ClientSource Client, uint RequestId)> _waiters = [];

    /// <summary>The exec's id; empty for the container.</summary>
    public string Id { get; } = id;

    public int Pid { get; set; }

    public InputSource? Input { get; private set; }

    /// <summary>The terminal's master.</summary>
    public FileDescriptor? Terminal { get; private set; }

    /// <summary>False until somebody is there for the output.</summary>
    public bool IsReading { get; set; }

    public ExitRecord? Exit { get; private set; }

    public long ExitTick { get; private set; }

    public bool HasOpenOutput => _outputs.Exists(static output => !output.IsClosed);

    public bool HasBlockedAttachment
    {
        get
        {
            foreach (var client in _attached)
            {
                if (client.IsBlocked)
                {
                    return true;
                }
            }
            return false;
        }
    }

    /// <summary>True when the process has ended and its output is complete, or will not be.</summary>
    public bool IsComplete => Exit is not null && (!IsReading || !HasOpenOutput);

    /// <summary>True when only somebody else's hold on the output keeps a dead process from being complete.</summary>
    public bool IsOverdue =>
        Exit is not null && !IsComplete && !HasBlockedAttachment && Environment.TickCount64 - ExitTick > OutputGraceMs;

    /// <summary>Connects a terminal, or the monitor's ends of pipes.</summary>
    public void Connect(PollLoop loop, JsonLog? log, FileDescriptor? terminal, StandardPipes? pipes)
    {
        if (terminal is not null)
        {
            Terminal = terminal;
            Fcntl.SetNonBlocking(terminal.Number, true);
            AddOutput(loop, new OutputSource(this, Duplicate(terminal), StdStream.Stdout, log));
            SetInput(loop, Duplicate(terminal));
        }
        else if (pipes is not null)
        {
            if (pipes.TakeOutput() is var (output, error))
            {
                AddOutput(loop, new OutputSource(this, output, StdStream.Stdout, log));
                AddOutput(loop, new OutputSource(this, error, StdStream.Stderr, log));
            }
            if (pipes.TakeInput() is { } input)
            {
                SetInput(loop, input);
            }
        }
    }

    public void Attach(ClientSource client)
    {
        _attached.Add(client);
        client.Attached = this;
        IsReading = true;
        if (Exit is not null && !HasOpenOutput)
        {
            EndAttachments();
        }
    }

    public void Detach(ClientSource client)
    {
        if (_attached.Remove(client) && client.WantsInput && closesInputOnce && Terminal is null)
        {
            Input?.End();
        }
    }

    /// <summary>End of input as asked for by an attachment.</summary>
    public void EndInput()
    {
        if (closesInputOnce && Terminal is null)
        {
            Input?.End();
        }
    }

    public void Broadcast(StdStream stream, ReadOnlySpan<byte> frame)
    {
        // From the end: one that is gone leaves the list while it is sent to.
        for (var i = _attached.Count - 1; i >= 0; i--)
        {
            var client = _attached[i];
            if (stream == StdStream.Stderr ? client.WantsError : client.WantsOutput)
            {
                client.Send(frame);
            }
        }
    }

    public void OutputClosed()
    {
        if (!HasOpenOutput)
        {
            EndAttachments();
        }
    }

    public void Ended(ExitRecord exit)
    {
        Exit = exit;
        ExitTick = Environment.TickCount64;
        Input?.Dispose();
        if (_outputs.Count == 0)
        {
            EndAttachments();
        }
    }

    public void CloseOutputs()
    {
        foreach (var output in _outputs)
        {
            output.Dispose();
        }
    }

    public void AddWaiter(ClientSource client, uint requestId) => _waiters.Add((client, requestId));

    public void ForgetWaiter(ClientSource client) => _waiters.RemoveAll(item => item.Client == client);

    /// <summary>Answers everybody who waits.</summary>
    public void AnswerWaiters()
    {
        foreach (var (client, requestId) in _waiters)
        {
            var frame = new byte[FrameHeader.Size].Concat(Exit!.ToJson()).ToArray();
            new FrameHeader(frame.Length - FrameHeader.Size, FrameType.Ok, 0, requestId).Write(frame);
            client.Send(frame);
        }
        _waiters.Clear();
    }

    /// <summary>Drops attachments that have taken nothing for too long.</summary>
    public void DropStalled(long olderThan)
    {
        for (var i = _attached.Count - 1; i >= 0; i--)
        {
            if (_attached[i].IsBlocked && _attached[i].BlockedSince < olderThan)
            {
                _attached[i].Dispose();
            }
        }
    }

    private static FileDescriptor Duplicate(FileDescriptor file) => Fcntl.Duplicate(file.Number);

    private void EndAttachments()
    {
        foreach (var client in _attached.ToArray())
        {
            client.Send(new PayloadWriter().ToFrame(FrameType.OutputEnd, 0).Span);
            client.End();
        }
    }

    private void AddOutput(PollLoop loop, OutputSource output)
    {
        _outputs.Add(output);
        loop.Add(output);
    }

    private void SetInput(PollLoop loop, FileDescriptor file)
    {
        Fcntl.SetNonBlocking(file.Number, true);
        Input = new InputSource(file);
        loop.Add(Input);
    }
}
