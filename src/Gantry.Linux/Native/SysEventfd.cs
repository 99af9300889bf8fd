using System.Runtime.InteropServices;

namespace Gantry.Linux.Native;

/// <summary>sys/eventfd.h.</summary>
public static partial class SysEventfd
{
    private const int EFD_CLOEXEC = 0x80000;
    private const int EFD_NONBLOCK = 0x800;

    /// <summary>eventfd(2) with a count of 0, non-blocking.</summary>
    public static FileDescriptor Open() =>
        new(LinuxException.Check(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd"));

    [LibraryImport("libc", SetLastError = true)]
    private static partial int eventfd(uint initial, int flags);
}
