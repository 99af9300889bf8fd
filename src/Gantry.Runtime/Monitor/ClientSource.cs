using Gantry.Faults;
using Gantry.Linux;
using Gantry.Linux.Native;
using Gantry.Monitor;
using Gantry.Monitor.Protocol;

namespace Gantry.Runtime.Monitor;

/// <summary>One client's connection: requests and answers, or after an Attach the streams of a process.</summary>
internal sealed class ClientSource(FileDescriptor socket, MonitorServer server) : PollSource
{
    private const int SmallBuffer = 512;

    private byte[] _input = new byte[SmallBuffer];
    private int _inputLength;
    private byte[] _output = [];
    private int _outputStart;
    private bool _ending;

    public override int Descriptor => socket.Number;

    /// <summary>Waits to write when something is pending; takes no more input than the process behind it takes.</summary>
    public override short Events =>
        (short)((IsBlocked ? Poll.POLLOUT : 0) | (Attached?.Input?.IsBlocked == true || _ending ? 0 : Poll.POLLIN));

    /// <summary>The process whose streams this connection carries.</summary>
    public MonitoredProcess? Attached { get; set; }

    public bool WantsInput { get; set; }

    public bool WantsOutput { get; set; }

    public bool WantsError { get; set; }

    public bool IsBlocked => _outputStart < _output.Length;

    /// <summary>Environment.TickCount64 of the last progress of a blocked connection.</summary>
    public long BlockedSince { get; private set; }

    public override void OnReady(short ready)
    {
        if ((ready & Poll.POLLOUT) != 0)
        {
            FlushPending();
        }
        if (!IsClosed && (ready & (Poll.POLLIN | Poll.POLLHUP | Poll.POLLERR)) != 0)
        {
            ReadInput();
        }
    }

    /// <summary>Sends a frame now as far as the socket takes it; the rest waits.</summary>
    public void Send(ReadOnlySpan<byte> frame)
    {
        if (IsClosed)
        {
            return;
        }
        if (!IsBlocked)
        {
            var count = SysSocket.TrySend(socket.Number, frame);
            if (count == -2)
            {
                Dispose();
                return;
            }
            frame = frame[Math.Max(0, count)..];
            if (frame.Length == 0)
            {
                return;
            }
            BlockedSince = Environment.TickCount64;
        }
        _output = [.. _output.AsSpan(_outputStart), .. frame];
        _outputStart = 0;
    }

    public void Reply(uint id, PayloadWriter payload) => Send(payload.ToFrame(FrameType.Ok, id).Span);

    public void ReplyError(uint id, FaultException fault) =>
        Send(new PayloadWriter().Byte((byte)fault.Kind).String(fault.Message).ToFrame(FrameType.Error, id).Span);

    /// <summary>Closes once everything is sent.</summary>
    public void End()
    {
        _ending = true;
        if (!IsBlocked)
        {
            Dispose();
        }
    }

    protected override void Close()
    {
        socket.Dispose();
        Attached?.Detach(this);
        server.Forget(this);
    }

    private void FlushPending()
    {
        var count = SysSocket.TrySend(socket.Number, _output.AsSpan(_outputStart));
        if (count == -2)
        {
            Dispose();
            return;
        }
        if (count > 0)
        {
            _outputStart += count;
            BlockedSince = Environment.TickCount64;
        }
        if (!IsBlocked)
        {
            (_output, _outputStart) = ([], 0);
            if (_ending)
            {
                Dispose();
            }
        }
    }

    private void ReadInput()
    {
        int count;
        try
        {
            count = Unistd.Read(socket.Number, _input.AsSpan(_inputLength));
        }
        catch (LinuxException e) when (e.ErrorNumber == Errno.ECONNRESET)
        {
            count = 0;
        }
        if (count < 0)
        {
            return;
        }
        if (count == 0)
        {
            Dispose();
            return;
        }
        _inputLength += count;
        HandleFrames();
    }

    private void HandleFrames()
    {
        var start = 0;
        while (!IsClosed && _inputLength - start >= FrameHeader.Size)
        {
            if (!FrameHeader.TryRead(_input.AsSpan(start), out var header))
            {
                Dispose();
                return;
            }
            var size = FrameHeader.Size + header.Length;
            if (_inputLength - start < size)
            {
                MakeRoom(start, size);
                return;
            }
            server.Handle(this, header, _input.AsSpan(start + FrameHeader.Size, header.Length));
            start += size;
        }
        MakeRoom(start, SmallBuffer);
    }

    /// <summary>Moves the unread rest to the front of a buffer that holds at least a frame of the size.</summary>
    private void MakeRoom(int start, int size)
    {
        var rest = _input.AsSpan(start, _inputLength - start);
        if (_input.Length < size || (_input.Length > SmallBuffer && size <= SmallBuffer))
        {
            var larger = new byte[Math.Max(size, SmallBuffer)];
            rest.CopyTo(larger);
            _input = larger;
        }
        else
        {
            rest.CopyTo(_input);
        }
        _inputLength -= start;
    }
}
