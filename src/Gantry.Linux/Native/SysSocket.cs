using System.Runtime.InteropServices;

namespace Gantry.Linux.Native;

/// <summary>sys/socket.h and sys/un.h: local sockets.</summary>
public static partial class SysSocket
{
#pragma warning disable CS1591 // native names, documented in socket(2)
    public const int AF_UNIX = 1;
    public const int SOCK_STREAM = 1;
    public const int SOCK_DGRAM = 2;
    public const int SOCK_SEQPACKET = 5;
    public const int SOCK_NONBLOCK = 0x800;
    public const int SOCK_CLOEXEC = 0x80000;
    public const int MSG_DONTWAIT = 0x40;
    public const int MSG_NOSIGNAL = 0x4000;
#pragma warning restore CS1591

    /// <summary>socketpair(2) of unix sockets.</summary>
    public static (FileDescriptor First, FileDescriptor Second) Pair(int type)
    {
        Span<int> ends = stackalloc int[2];
        LinuxException.Check(socketpair(AF_UNIX, type, 0, ends), "socketpair");
        return (new FileDescriptor(ends[0]), new FileDescriptor(ends[1]));
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int socketpair(int domain, int type, int protocol, Span<int> ends);
}
