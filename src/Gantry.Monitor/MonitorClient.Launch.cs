using System.Collections;
using System.Net.Sockets;
using Gantry.Faults;
using Gantry.Linux;
using Gantry.Linux.Native;
using Gantry.Monitor.Protocol;

namespace Gantry.Monitor;

public sealed partial class MonitorClient
{
    /// <summary>
    /// Starts a monitor, which creates the container (as runc create does) and outlives this process. Returns when the
    /// container is created and its program waits for <see cref="StartAsync"/>. When creation fails, nothing is left behind
    /// and the runtime's reason is thrown.
    /// </summary>
    public static async Task<MonitorClient> LaunchAsync(MonitorLaunch launch, CancellationToken cancellationToken)
    {
        var reply = await RunAsync(launch.RuntimePath, launch.ToArguments(), cancellationToken).ConfigureAwait(false);
        ThrowOnError(reply, "monitor");
        return await ConnectAsync(launch.SocketPath, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>
    /// Removes what a lost monitor left: kills the container's processes, removes its cgroup, runtime state and socket, and
    /// writes an exit record with code 255 when there is none. Does nothing when there is nothing. Do not call it while the
    /// monitor runs, unless the container is to be killed.
    /// </summary>
    public static async Task CleanupAsync(MonitorLaunch launch, CancellationToken cancellationToken)
    {
        string[] arguments =
        [
            "monitor-cleanup", "--root", launch.RuntimeRoot, "--id", launch.ContainerId, "--state-dir", launch.StateDirectory,
            "--socket", launch.SocketPath,
        ];
        ThrowOnError(await RunAsync(launch.RuntimePath, arguments, cancellationToken).ConfigureAwait(false), "clean-up");
    }

    private static void ThrowOnError(byte[] reply, string what)
    {
        if (reply.Length < FrameHeader.Size || !FrameHeader.TryRead(reply, out var header)
            || reply.Length < FrameHeader.Size + header.Length)
        {
            throw new FaultException(FaultKind.Internal, $"gantry-runtime {what}: ended without an answer");
        }
        if (header.Type == FrameType.Error)
        {
            throw ReadError(reply[FrameHeader.Size..(FrameHeader.Size + header.Length)]);
        }
    }

    private static bool IsWhole(MemoryStream reply) =>
        reply.Length >= FrameHeader.Size && FrameHeader.TryRead(reply.GetBuffer(), out var header)
        && reply.Length >= FrameHeader.Size + header.Length;

    /// <summary>Runs gantry-runtime with a socket as its standard output and returns the frame that it writes there.</summary>
    private static async Task<byte[]> RunAsync(
        string program, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        var (ours, theirs) = SysSocket.Pair(SysSocket.SOCK_STREAM | SysSocket.SOCK_CLOEXEC);
        using var socket = new Socket(new SafeSocketHandle(ours.Detach(), ownsHandle: true));
        int pid;
        using (theirs)
        using (var nothing = File.OpenHandle("/dev/null", FileMode.Open, FileAccess.ReadWrite))
        {
            var zero = (int)nothing.DangerousGetHandle();
            List<string> command = ["gantry-runtime", .. arguments];
            pid = Spawn.Start(SealedCopies.PathOf(program), command, CurrentEnvironment(), zero, theirs.Number, zero);
        }
        using var reply = new MemoryStream();
        var buffer = new byte[4096];
        int count;
        // One frame. Not to the end: the container's first process may hold a copy of the other side until it is started.
        while (!IsWhole(reply)
            && (count = await socket.ReceiveAsync(buffer, SocketFlags.None, cancellationToken).ConfigureAwait(false)) > 0)
        {
            reply.Write(buffer, 0, count);
        }
        // The process that was started ends by itself: the monitor proper is its orphan.
        await Task.Run(() => SysWait.Wait(pid, 0, out _), CancellationToken.None).ConfigureAwait(false);
        return reply.ToArray();
    }

    private static List<string> CurrentEnvironment()
    {
        List<string> result = [];
        foreach (DictionaryEntry entry in Environment.GetEnvironmentVariables())
        {
            result.Add($"{entry.Key}={entry.Value}");
        }
        return result;
    }
}
