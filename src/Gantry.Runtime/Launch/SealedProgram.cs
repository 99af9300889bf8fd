using System.Collections;
using Gantry.Linux;
using Gantry.Linux.Native;

namespace Gantry.Runtime.Launch;

/// <summary>
/// Runs this program where nobody can write to it. A process in a container can get at the program that put it there
/// (/proc/self/exe, CVE-2019-5736). Where the program's mount is writable, it is executed again by a read-only mount of the one
/// file. That mount is in no namespace, and closed when the program runs, so that nobody can change its flags: the link is all
/// that leads to it. Where such a mount cannot be made (without privileges), a sealed copy in memory serves.
/// </summary>
internal static class SealedProgram
{
    private const string Name = "gantry-runtime";

    /// <summary>
    /// Executes the sealed copy, once. Signals in <paramref name="blocked"/> are blocked then, which leaves them to a signalfd.
    /// </summary>
    public static void Ensure(string[] arguments, params ReadOnlySpan<int> blocked)
    {
        var path = Unistd.ReadLink("/proc/self/exe");
        if (path.StartsWith("/memfd:", StringComparison.Ordinal))
        {
            return; // they were blocked before this program was executed
        }
        if (SysStat.IsReadOnlyMount("/proc/self/exe"))
        {
            Signal.Block(blocked);
            return;
        }
        using var copy = TryMount() ?? SysMman.CopyExecutable("/proc/self/exe", Name);
        Signal.Block(blocked);
        List<string> environment = [];
        foreach (DictionaryEntry entry in Environment.GetEnvironmentVariables())
        {
            environment.Add($"{entry.Key}={entry.Value}");
        }
        var errno = Execution.Replace($"/proc/self/fd/{copy.Number}", [Name, .. arguments], environment);
        throw new LinuxException("execve", path, errno);
    }

    private static FileDescriptor? TryMount()
    {
        try
        {
            var mount = SysMount.CloneTree(Fcntl.AT_FDCWD, "/proc/self/exe", recursive: false);
            SysMount.SetAttributes(mount.Number, SysMount.MOUNT_ATTR_RDONLY | SysMount.MOUNT_ATTR_NOSUID, 0, 0, recursive: false, Name);
            return mount;
        }
        catch (LinuxException)
        {
            return null; // no CAP_SYS_ADMIN, a kernel before 5.12, or a program that lies in no mount of this namespace
        }
    }
}
