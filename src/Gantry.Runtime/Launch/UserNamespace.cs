using Gantry.Linux;
using Gantry.Linux.Native;
using Gantry.Oci.Runtime;

namespace Gantry.Runtime.Launch;

/// <summary>User namespaces that exist for their id map only.</summary>
internal static class UserNamespace
{
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
