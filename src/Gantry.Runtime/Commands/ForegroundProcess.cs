using Gantry.Linux;
using Gantry.Linux.Native;

namespace Gantry.Runtime.Commands;

/// <summary>
/// A child in the foreground: signals are passed on to it and, with a terminal, the runtime's standard input and output are
/// connected to it in raw mode, and its size follows.
/// </summary>
internal sealed class ForegroundProcess : IDisposable
{
    /// <summary>The signals that are handled here; blocked in every thread since <see cref="Launch.SealedProgram"/>.</summary>
    public static ReadOnlySpan<int> Signals =>
    [
        Signal.SIGCHLD, Signal.SIGTERM, Signal.SIGINT, Signal.SIGHUP, Signal.SIGQUIT, Signal.SIGUSR1, Signal.SIGUSR2,
        Signal.SIGWINCH, Signal.SIGCONT,
    ];

    private readonly int _pid;
    private readonly FileDescriptor? _terminal;
    private readonly FileDescriptor _signals;
    private readonly TerminalMode? _mode;
    private readonly byte[] _buffer = new byte[16 * 1024];
    private bool _inputOpen = true;

    public ForegroundProcess(int pid, FileDescriptor? terminal)
    {
        _pid = pid;
        _terminal = terminal;
        _signals = Signal.OpenDescriptor(Signals);
        if (terminal is not null)
        {
            _mode = TerminalMode.TrySetRaw(0);
            CopySize();
        }
    }

    /// <summary>Waits for the child and returns its exit code, 128 + signal when a signal ended it.</summary>
    public int Wait()
    {
        int? code = null;
        Span<PollDescriptor> descriptors = stackalloc PollDescriptor[3];
        while (code is null)
        {
            descriptors[0] = new PollDescriptor(_signals.Number, Poll.POLLIN);
            descriptors[1] = new PollDescriptor(_terminal?.Number ?? -1, Poll.POLLIN);
            descriptors[2] = new PollDescriptor(_terminal is not null && _inputOpen ? 0 : -1, Poll.POLLIN);
            Poll.Wait(descriptors, -1);
            if (descriptors[1].Ready != 0)
            {
                CopyOutput();
            }
            if (descriptors[2].Ready != 0)
            {
                CopyInput();
            }
            if (descriptors[0].Ready != 0)
            {
                code = HandleSignals();
            }
        }
        while (_terminal is not null && CopyOutput())
        {
            continue;
        }
        return code.Value;
    }

    public void Dispose()
    {
        _mode?.Dispose();
        _signals.Dispose();
    }

    private int? HandleSignals()
    {
        int? code = null;
        for (var signal = Signal.Next(_signals.Number); signal != 0; signal = Signal.Next(_signals.Number))
        {
            if (signal == Signal.SIGCHLD)
            {
                while (SysWait.Wait(-1, SysWait.WNOHANG, out var status) is var pid and > 0)
                {
                    code = pid == _pid ? status.ExitCode : code;
                }
            }
            else if (signal == Signal.SIGWINCH && _terminal is not null)
            {
                CopySize();
            }
            else
            {
                Signal.TryKill(_pid, signal);
            }
        }
        return code;
    }

    private void CopySize()
    {
        if (SysIoctl.TryGetSize(0, out var columns, out var rows) && columns > 0)
        {
            SysIoctl.SetSize(_terminal!.Number, columns, rows);
        }
    }

    /// <summary>False at the terminal's end: EIO, when no process has it open any more.</summary>
    private bool CopyOutput()
    {
        try
        {
            var count = Unistd.Read(_terminal!.Number, _buffer);
            if (count > 0)
            {
                Unistd.WriteAll(1, _buffer.AsSpan(0, count));
            }
            return count > 0;
        }
        catch (LinuxException e) when (e.ErrorNumber == Errno.EIO)
        {
            return false;
        }
    }

    private void CopyInput()
    {
        var count = Unistd.Read(0, _buffer);
        if (count <= 0)
        {
            _inputOpen = false;
            return;
        }
        Unistd.WriteAll(_terminal!.Number, _buffer.AsSpan(0, count));
    }
}
