using System.Runtime.InteropServices;

namespace Gantry.Linux.Native;

/// <summary>sys/wait.h.</summary>
public static partial class SysWait
{
    /// <summary>Do not wait.</summary>
    public const int WNOHANG = 1;

    /// <summary>
    /// waitpid(2), EINTR retried. Returns the reaped child, 0 when none has ended (WNOHANG), -1 when there is no child.
    /// </summary>
    public static int Wait(int pid, int options, out WaitStatus status)
    {
        while (true)
        {
            var result = waitpid(pid, out var raw, options);
            status = new WaitStatus(raw);
            if (result >= 0)
            {
                return result;
            }
            var errno = Marshal.GetLastPInvokeError();
            if (errno == Errno.ECHILD)
            {
                return -1;
            }
            if (errno != Errno.EINTR)
            {
                throw new LinuxException("waitpid", $"{pid}", errno);
            }
        }
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int waitpid(int pid, out int status, int options);
}
