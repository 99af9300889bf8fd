using System.Text;
using Gantry.Faults;
using Gantry.Linux;
using Gantry.Linux.Native;

namespace Gantry.Runtime.State;

/// <summary>
/// The socket on which a created container waits to be started. The starter connects; the container's first process
/// accepts, and executes its program with the connection marked close-on-exec: the end of the connection without a word is
/// success, a word is the reason of the failure. Once started nobody listens any more.
/// </summary>
internal static class StartSocket
{
    public const string Name = "start.sock";

    /// <summary>First byte of an answer: everything is done but the execve(2) of a file that looks like a program.</summary>
    public const byte Executing = 0xff;

    private const int MaxAnswer = 4096;

    /// <summary>Of the socket's file, for which they mean nothing else: the container is armed.</summary>
    private const uint ArmedMode = 0x1C0;

    public static FileDescriptor Listen(string directory)
    {
        // By descriptor: the state root's path may be longer than a socket address.
        using var parent = Fcntl.Open(directory, Fcntl.O_PATH | Fcntl.O_DIRECTORY);
        var listener = SysSocket.Listen($"/proc/self/fd/{parent.Number}/{Name}", 1);
        Fcntl.SetNonBlocking(listener.Number, false);
        return listener;
    }

    /// <summary>Says that the container's first process has nothing left to do but to load its filter and execute its program.</summary>
    public static void MarkArmed(string directory)
    {
        try
        {
            SysStat.ChangeMode(Fcntl.AT_FDCWD, $"{directory}/{Name}", ArmedMode);
        }
        catch (LinuxException e) when (e.ErrorNumber == Errno.ENOENT)
        {
            return; // started already, by somebody who did not wait for the creator to end
        }
    }

    /// <summary>
    /// Asks the container to start; the answer comes on the connection. Whoever does not wait for execve(2), but is content with
    /// <see cref="Executing"/>, says so by having a name: a word of its own would cost both sides a turn of the processor. Where
    /// the container <paramref name="isArmed"/>, the connection itself is as good as that answer, and none is sent.
    /// </summary>
    public static FileDescriptor Connect(string directory, string id, bool waitsForExec, out bool isArmed)
    {
        try
        {
            using var parent = Fcntl.Open(directory, Fcntl.O_PATH | Fcntl.O_DIRECTORY);
            isArmed = SysStat.TryStatus(parent.Number, Name, false, out var status) == 0 && (status.Mode & ArmedMode) == ArmedMode;
            return SysSocket.Connect($"/proc/self/fd/{parent.Number}/{Name}", named: !waitsForExec);
        }
        catch (LinuxException e) when (e.ErrorNumber is Errno.ECONNREFUSED or Errno.ENOENT)
        {
            throw new FaultException(FaultKind.FailedPrecondition, $"container \"{id}\" is not in the state created", e);
        }
    }

    /// <summary>Reads the answer to its end and throws it if it is a failure.</summary>
    public static void Finish(FileDescriptor connection)
    {
        var answer = SmallFile.ReadToEnd(connection.Number);
        if (answer.Length > 0)
        {
            throw ToFault(answer);
        }
    }

    /// <summary>
    /// Waits for <see cref="Executing"/> only: what then goes wrong, the container's standard error and its exit code tell.
    /// </summary>
    public static void FinishBeforeExec(FileDescriptor connection)
    {
        Span<byte> first = stackalloc byte[MaxAnswer];
        var length = Unistd.Read(connection.Number, first);
        if (length > 0 && first[0] != Executing)
        {
            throw ToFault([.. first[..length], .. SmallFile.ReadToEnd(connection.Number)]);
        }
    }

    public static FaultException ToFault(ReadOnlySpan<byte> answer) =>
        new((FaultKind)answer[0], Encoding.UTF8.GetString(answer[1..]));

    public static byte[] FromFault(Exception exception)
    {
        var kind = exception is FaultException fault ? fault.Kind : FaultKind.Internal;
        var text = exception is FaultException ? exception.Message : $"{exception.GetType().Name}: {exception.Message}";
        return [(byte)kind, .. Encoding.UTF8.GetBytes(text)];
    }
}
