using Gantry.Linux;
using Gantry.Linux.Native;

namespace Gantry.Runtime.Monitor;

/// <summary>Standard input of a process. What the process has not taken yet is held here, and no more is accepted.</summary>
internal sealed class InputSource(FileDescriptor file) : PollSource
{
    private byte[] _pending = [];
    private bool _ending;

    public override int Descriptor => file.Number;

    public override short Events => _pending.Length > 0 ? Poll.POLLOUT : (short)0;

    public bool IsBlocked => _pending.Length > 0 && !IsClosed;

    public override void OnReady(short ready)
    {
        var pending = _pending;
        _pending = [];
        Push(pending);
        if (_ending && _pending.Length == 0)
        {
            Dispose();
        }
    }

    public void Write(ReadOnlySpan<byte> data)
    {
        if (IsClosed || _ending)
        {
            return;
        }
        Push(data);
    }

    /// <summary>Closes, after what is pending.</summary>
    public void End()
    {
        _ending = true;
        if (_pending.Length == 0)
        {
            Dispose();
        }
    }

    protected override void Close()
    {
        _pending = [];
        file.Dispose();
    }

    private void Push(ReadOnlySpan<byte> data)
    {
        try
        {
            while (data.Length > 0)
            {
                var count = Unistd.Write(file.Number, data);
                if (count < 0)
                {
                    _pending = data.ToArray();
                    return;
                }
                data = data[count..];
            }
        }
        catch (LinuxException e) when (e.ErrorNumber is Errno.EPIPE or Errno.EIO)
        {
            // The process has closed its standard input.
            Dispose();
        }
    }
}
