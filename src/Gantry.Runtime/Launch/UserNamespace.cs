using Gantry.Linux;
using Gantry.Linux.Native;
using Gantry.Oci.Runtime;

namespace Gantry.Runtime.Launch;

/// <summary>Whether this process is in a user namespace, and ones that exist for their id map only.</summary>
internal static class UserNamespace
{
    /// <summary>True for root outside of any user namespace.</summary>
    public static bool IsHostRoot()
    {
        if (!Cloning.IsPrivileged)
        {
            return false;
        }
        var map = System.Text.Encoding.ASCII.GetString(State.SmallFile.TryRead("/proc/self/uid_map") ?? []);
        var fields = map.Split(' ', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        return fields is ["0", "0", "4294967295", ..];
    }

    /// <summary>Makes a user namespace with a map, by a process that waits in it while it is opened.</summary>
    public static FileDescriptor Make(List<IdMappingSpec> users, List<IdMappingSpec> groups)
    {
        var (read, write) = Unistd.Pipe(Fcntl.O_CLOEXEC);
        using var reader = read;
        using var writer = write;
        var pid = Cloning.Clone(Sched.CLONE_NEWUSER, () =>
        {
            // Ends with the runtime's end of the pipe, whatever becomes of the runtime.
            write.Dispose();
            _ = Unistd.Read(read.Number, new byte[1]);
            Unistd.ExitNow(0);
        });
        try
        {
            IdMaps.Write(pid, users, groups);
            return Fcntl.Open($"/proc/{pid}/ns/user", Fcntl.O_RDONLY);
        }
        finally
        {
            Signal.TryKill(pid, Signal.SIGKILL);
            SysWait.Wait(pid, 0, out _);
        }
    }
}
