using System.Text;
using Gantry.Faults;
using Gantry.Linux;
using Gantry.Linux.Native;
using Gantry.Oci.Runtime;

namespace Gantry.Runtime.State;

/// <summary>
/// sd_notify(3) for a container: NOTIFY_SOCKET of the runtime is the host's; the container gets a socket of its own, by a
/// read-only mount on /run/notify, and what it says on it, "ready", the starter passes on with the container's process id.
/// </summary>
internal sealed class NotifySocket : IDisposable
{
    private const string DirectoryName = "notify";
    private const string Name = "notify.sock";
    private const string MountPoint = "/run/notify";
    private const int MaxMessage = 4096;
    private const int CheckMs = 100;
    private const int BarrierMs = 30_000;

    private readonly FileDescriptor _socket;
    private readonly string _host;

    private NotifySocket(FileDescriptor socket, string host) => (_socket, _host) = (socket, host);

    private static string? HostPath => Environment.GetEnvironmentVariable("NOTIFY_SOCKET") is { Length: > 0 } path ? path : null;

    /// <summary>At create: makes the directory and adds mount and variable to the configuration.</summary>
    public static void Prepare(string stateDirectory, RuntimeSpec spec)
    {
        if (HostPath is null || spec.Process is null)
        {
            return;
        }
        var directory = $"{stateDirectory}/{DirectoryName}";
        var errno = SysStat.TryMakeDirectory(Fcntl.AT_FDCWD, directory, 0x1ED);
        if (errno != 0)
        {
            throw new LinuxException("mkdir", directory, errno);
        }
        (spec.Mounts ??= []).Add(new MountSpec
        {
            Destination = MountPoint,
            Type = "bind",
            Source = directory,
            Options = ["bind", "ro", "nosuid", "nodev", "noexec"],
        });
        (spec.Process.Env ??= []).RemoveAll(static item => item.StartsWith("NOTIFY_SOCKET=", StringComparison.Ordinal));
        spec.Process.Env.Add($"NOTIFY_SOCKET={MountPoint}/{Name}");
    }

    /// <summary>At start, before the container runs: listens; null when nobody on the host wants to hear.</summary>
    public static NotifySocket? TryListen(string stateDirectory)
    {
        var directory = $"{stateDirectory}/{DirectoryName}";
        if (HostPath is not { } host || SysStat.TryStatus(Fcntl.AT_FDCWD, directory, false, out _) != 0)
        {
            return null;
        }
        // By descriptor: the state root's path may be longer than a socket address.
        using var parent = Fcntl.Open(directory, Fcntl.O_PATH | Fcntl.O_DIRECTORY);
        var socket = SysSocket.BindDatagram($"/proc/self/fd/{parent.Number}/{Name}");
        // Any user of the container may speak: the directory is mounted there only.
        SysStat.ChangeMode(parent.Number, Name, 0x1FF);
        return new NotifySocket(socket, host);
    }

    /// <summary>Waits until the container says that it is ready, or has ended, and passes it on.</summary>
    public void Forward(ContainerRecord record)
    {
        Span<PollDescriptor> readable = [new PollDescriptor(_socket.Number, Poll.POLLIN)];
        var buffer = new byte[MaxMessage];
        while (true)
        {
            if (Poll.Wait(readable, CheckMs) == 0)
            {
                if (!ProcessTable.IsAlive(record))
                {
                    return;
                }
                continue;
            }
            var length = Unistd.Read(_socket.Number, buffer);
            var lines = Encoding.UTF8.GetString(buffer, 0, Math.Max(length, 0)).Split('\n');
            if (Array.Find(lines, static line => line.StartsWith("READY=", StringComparison.Ordinal)) is { } ready)
            {
                Tell(ready, record.Pid);
                return;
            }
        }
    }

    public void Dispose() => _socket.Dispose();

    /// <summary>Removes what was made in a container's state directory.</summary>
    public static void Remove(string stateDirectory)
    {
        Unistd.TryUnlink($"{stateDirectory}/{DirectoryName}/{Name}");
        Unistd.TryRemoveDirectory($"{stateDirectory}/{DirectoryName}");
    }

    private void Tell(string ready, int pid)
    {
        try
        {
            using var host = SysSocket.ConnectDatagram(_host);
            SysSocket.SendMessage(host.Number, Encoding.UTF8.GetBytes(ready + "\n"));
            SysSocket.SendMessage(host.Number, Encoding.UTF8.GetBytes($"MAINPID={pid}\n"));
            // sd_notify_barrier(3): the other side closes the descriptor when it has read what came before.
            var (read, write) = Unistd.Pipe(Fcntl.O_CLOEXEC);
            using (read)
            {
                using (write)
                {
                    SysSocket.SendMessage(host.Number, "BARRIER=1"u8, write.Number);
                }
                Span<PollDescriptor> closed = [new PollDescriptor(read.Number, Poll.POLLIN)];
                Poll.Wait(closed, BarrierMs);
            }
        }
        catch (FaultException e)
        {
            CommandOutput.Warn($"NOTIFY_SOCKET {_host}: {e.Message}; the container runs, but nobody was told");
        }
    }
}
