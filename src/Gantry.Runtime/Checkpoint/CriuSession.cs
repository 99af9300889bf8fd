using System.Collections;
using System.Text;
using Gantry.Faults;
using Gantry.Linux;
using Gantry.Linux.Native;
using Gantry.Runtime.Launch;

namespace Gantry.Runtime.Checkpoint;

/// <summary>
/// One `criu swrk`: the program that serves a single request on a socket that it inherits (criu(8), docs/adr/0012). It is a
/// clone of this process that executes it, so that no thread is needed.
/// </summary>
internal sealed class CriuSession : IDisposable
{
    private const int BufferSize = 64 * 1024;

    private readonly FileDescriptor _socket;

    private CriuSession(FileDescriptor socket, int pid) => (_socket, Pid) = (socket, pid);

    public int Pid { get; }

    /// <summary>Starts CRIU with this process's standard streams and the given descriptors, which keep their numbers.</summary>
    public static CriuSession Start(IReadOnlyList<int> passed)
    {
        var program = Find();
        var (ours, theirs) = SysSocket.Pair(SysSocket.SOCK_SEQPACKET);
        using (theirs)
        {
            var pid = Cloning.Clone(0UL, () => Execute(program, theirs.Number, passed));
            return new CriuSession(ours, pid);
        }
    }

    /// <summary>Sends a request and answers notifications until it is done; throws what went wrong.</summary>
    public CriuReply Ask(int type, CriuMessage options, Action<CriuReply, FileDescriptor?> notified)
    {
        try
        {
            return Converse(type, options, notified);
        }
        catch (LinuxException e) when (e.ErrorNumber is Errno.EPIPE or Errno.ECONNRESET)
        {
            throw Ended(e);
        }
    }

    private CriuReply Converse(int type, CriuMessage options, Action<CriuReply, FileDescriptor?> notified)
    {
        var request = new CriuMessage();
        request.Add(CriuFields.RequestType, type);
        request.Add(CriuFields.RequestOptions, options);
        SysSocket.SendMessage(_socket.Number, request.ToArray());
        var buffer = new byte[BufferSize];
        while (true)
        {
            var length = SysSocket.ReceiveMessage(_socket.Number, buffer, out var descriptor);
            using (descriptor)
            {
                if (length <= 0)
                {
                    throw Ended(null);
                }
                var reply = CriuReply.Parse(buffer.AsSpan(0, length));
                if (!reply.Success)
                {
                    throw new FaultException(FaultKind.Internal, $"criu: failed (errno {reply.ErrorNumber})");
                }
                if (reply.Type == type)
                {
                    return reply;
                }
                notified(reply, descriptor);
            }
            var answer = new CriuMessage();
            answer.Add(CriuFields.RequestType, CriuFields.Notify);
            answer.Add(CriuFields.NotifySuccess, true);
            SysSocket.SendMessage(_socket.Number, answer.ToArray());
        }
    }

    /// <summary>Closes the socket, at which CRIU ends, and reaps it.</summary>
    public void Dispose()
    {
        _socket.Dispose();
        SysWait.Wait(Pid, 0, out _);
    }

    private static void Execute(string program, int socket, IReadOnlyList<int> passed)
    {
        try
        {
            // No descriptor moves: the runtime has some of its own among them, and needs them up to the execve.
            Unistd.CloseRange(3, uint.MaxValue, Unistd.CLOSE_RANGE_CLOEXEC);
            foreach (var number in (int[])[socket, .. passed])
            {
                Fcntl.SetCloseOnExec(number, false);
            }
            Signal.ResetAll();
            List<string> environment = [];
            foreach (DictionaryEntry entry in Environment.GetEnvironmentVariables())
            {
                environment.Add($"{entry.Key}={entry.Value}");
            }
            var errno = Execution.Replace(program, ["criu", "swrk", $"{socket}"], environment);
            throw new LinuxException("execve", program, errno);
        }
        catch (FaultException e)
        {
            Unistd.WriteAll(2, Encoding.UTF8.GetBytes($"gantry-runtime: criu: {e.Message}\n"));
            Unistd.ExitNow(1);
        }
    }

    private static FaultException Ended(Exception? cause) => new(FaultKind.Internal, "criu: ended without an answer", cause);

    private static string Find()
    {
        var path = Environment.GetEnvironmentVariable("PATH") ?? "";
        foreach (var directory in path.Split(':', StringSplitOptions.RemoveEmptyEntries).Concat(["/usr/sbin", "/usr/local/sbin"]))
        {
            if (Execution.TryAccess($"{directory}/criu") == 0)
            {
                return $"{directory}/criu";
            }
        }
        throw new FaultException(FaultKind.FailedPrecondition, "criu: not installed; install the package criu (3.15 or later)");
    }
}
