using Gantry.Faults;
using Gantry.Linux;
using Gantry.Linux.Native;
using Gantry.Runtime.Launch;
using Gantry.Runtime.State;

namespace Gantry.Runtime.Monitor;

/// <summary>
/// Work in a clone of the monitor: creating a container or an exec takes memory and time, which the monitor itself neither
/// keeps nor waits for. The work's result is one message: a number and perhaps a descriptor, or a fault.
/// </summary>
internal sealed class HelperSource : PollSource
{
    private const byte Done = (byte)'o';
    private const int MaxMessage = 16 * 1024;

    private readonly FileDescriptor _socket;
    private readonly Action<int, FileDescriptor?> _succeeded;
    private readonly Action<FaultException> _failed;

    private HelperSource(
        int pid, FileDescriptor socket, Action<int, FileDescriptor?> succeeded, Action<FaultException> failed) =>
        (Pid, _socket, _succeeded, _failed) = (pid, socket, succeeded, failed);

    /// <summary>The clone's process id; the monitor reaps it.</summary>
    public int Pid { get; }

    public override int Descriptor => _socket.Number;

    public override short Events => Poll.POLLIN;

    /// <summary>Starts the work in a clone; one of the two actions is called, in the monitor, when it has ended.</summary>
    public static HelperSource Start(
        Func<(int Number, FileDescriptor? Descriptor)> work, Action<int, FileDescriptor?> succeeded,
        Action<FaultException> failed)
    {
        var (ours, theirs) = SysSocket.Pair(SysSocket.SOCK_SEQPACKET | SysSocket.SOCK_CLOEXEC);
        using (theirs)
        {
            var monitor = Unistd.ProcessId();
            var pid = Cloning.Clone(0UL, () =>
            {
                // Without the monitor nobody wants the result, and what it makes would be made behind the clean-up's back.
                SysPrctl.SetParentDeathSignal(Signal.SIGKILL);
                if (Unistd.ParentProcessId() != monitor)
                {
                    Unistd.ExitNow(1);
                }
                Run(work, theirs.Number);
            });
            return new HelperSource(pid, ours, succeeded, failed);
        }
    }

    public override void OnReady(short ready)
    {
        var buffer = new byte[MaxMessage];
        var length = SysSocket.ReceiveMessage(_socket.Number, buffer, out var descriptor);
        Dispose();
        if (length == 0)
        {
            _failed(new FaultException(FaultKind.Internal, "the runtime's helper process ended without a result"));
        }
        else if (buffer[0] == Done)
        {
            _succeeded(BitConverter.ToInt32(buffer, 1), descriptor);
        }
        else
        {
            _failed(StartSocket.ToFault(buffer.AsSpan(1, length - 1)));
        }
    }

    protected override void Close() => _socket.Dispose();

    private static void Run(Func<(int Number, FileDescriptor? Descriptor)> work, int socket)
    {
        byte[] message;
        var descriptor = -1;
        try
        {
            var (number, file) = work();
            message = [Done, .. BitConverter.GetBytes(number)];
            descriptor = file?.Number ?? -1;
        }
        catch (Exception e)
        {
            var fault = StartSocket.FromFault(e);
            message = [(byte)'e', .. fault.AsSpan(0, Math.Min(fault.Length, MaxMessage - 1))];
        }
        SysSocket.SendMessage(socket, message, descriptor);
        Unistd.ExitNow(0);
    }
}
