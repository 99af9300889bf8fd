using System.Runtime.InteropServices;

namespace Gantry.Linux.Native;

/// <summary>poll.h.</summary>
public static partial class Poll
{
#pragma warning disable CS1591 // native names, documented in poll(2)
    public const short POLLIN = 1;
    public const short POLLPRI = 2;
    public const short POLLOUT = 4;
    public const short POLLERR = 8;
    public const short POLLHUP = 16;
#pragma warning restore CS1591

    /// <summary>poll(2); returns how many are ready, 0 at the timeout or on a signal. -1 ms waits for ever.</summary>
    public static int Wait(Span<PollDescriptor> descriptors, int timeoutMs)
    {
        var result = poll(descriptors, (nuint)descriptors.Length, timeoutMs);
        if (result >= 0)
        {
            return result;
        }
        var errno = Marshal.GetLastPInvokeError();
        return errno == Errno.EINTR ? 0 : throw new LinuxException("poll", null, errno);
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int poll(Span<PollDescriptor> descriptors, nuint count, int timeout);
}
