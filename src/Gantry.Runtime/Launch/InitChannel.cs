using Gantry.Faults;
using Gantry.Linux;
using Gantry.Linux.Native;
using Gantry.Runtime.State;

namespace Gantry.Runtime.Launch;

/// <summary>
/// The conversation of a runtime with the process that it has cloned, over a pair of SEQPACKET sockets: one byte of kind,
/// then the text of an error. The child's end closes when its program is executed.
/// </summary>
internal sealed class InitChannel : IDisposable
{
    /// <summary>Child: could not go on; a fault follows.</summary>
    public const byte Failed = (byte)'e';

    /// <summary>Child: the namespaces and mounts are there, hooks may run.</summary>
    public const byte Hooks = (byte)'h';

    /// <summary>Child: the descriptor is the terminal's master.</summary>
    public const byte Terminal = (byte)'t';

    /// <summary>Child: ready to be started.</summary>
    public const byte Ready = (byte)'r';

    /// <summary>Child: the same, and nothing but the filter and execve(2) is left for the start.</summary>
    public const byte Armed = (byte)'a';

    /// <summary>Parent: go on.</summary>
    public const byte Go = (byte)'g';

    private const int MaxMessage = 16 * 1024;

    private readonly FileDescriptor _socket;

    private InitChannel(FileDescriptor socket) => _socket = socket;

    public int Number => _socket.Number;

    public static (InitChannel Parent, InitChannel Child) Open()
    {
        var (first, second) = SysSocket.Pair(SysSocket.SOCK_SEQPACKET | SysSocket.SOCK_CLOEXEC);
        return (new InitChannel(first), new InitChannel(second));
    }

    public void Send(byte kind, int descriptor = -1) => SysSocket.SendMessage(_socket.Number, [kind], descriptor);

    /// <summary>Parent: <see cref="Go"/>. A child that has failed meanwhile is not there to hear it; the next message says why.</summary>
    public void SendGo()
    {
        try
        {
            Send(Go);
        }
        catch (LinuxException e) when (e.ErrorNumber is Errno.EPIPE or Errno.ECONNRESET)
        {
            return;
        }
    }

    /// <summary>
    /// Child: why it could not go on. Throws nothing: above the child's code lies, on the stack that it was cloned with, the
    /// runtime's, which would take the container away.
    /// </summary>
    public void SendFailure(Exception exception)
    {
        var fault = StartSocket.FromFault(exception);
        try
        {
            SysSocket.SendMessage(_socket.Number, [Failed, .. fault.AsSpan(0, Math.Min(fault.Length, MaxMessage - 1))]);
        }
        catch (LinuxException e) when (e.ErrorNumber is Errno.EPIPE or Errno.ECONNRESET)
        {
            return; // the runtime is not there to hear it
        }
    }

    /// <summary>The next message's kind, 0 at the peer's end; throws the fault of <see cref="Failed"/>.</summary>
    public byte Receive(out FileDescriptor? descriptor)
    {
        Span<byte> buffer = stackalloc byte[MaxMessage];
        int length;
        try
        {
            length = SysSocket.ReceiveMessage(_socket.Number, buffer, out descriptor);
        }
        catch (LinuxException e) when (e.ErrorNumber == Errno.ECONNRESET)
        {
            // The peer ended without reading what it was sent. What it has said is there all the same.
            length = SysSocket.ReceiveMessage(_socket.Number, buffer, out descriptor);
        }
        if (length > 1 && buffer[0] == Failed)
        {
            throw StartSocket.ToFault(buffer[1..length]);
        }
        return length == 0 ? (byte)0 : buffer[0];
    }

    /// <summary>Child: waits for the parent's <see cref="Go"/>; a parent that is gone means that nobody wants this process.</summary>
    public void WaitForGo()
    {
        if (Receive(out _) != Go)
        {
            throw new FaultException(FaultKind.Unavailable, "the runtime ended while it created the container");
        }
    }

    public void Dispose() => _socket.Dispose();
}
