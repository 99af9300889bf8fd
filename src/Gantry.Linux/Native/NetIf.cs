using System.Runtime.InteropServices;

namespace Gantry.Linux.Native;

/// <summary>net/if.h: the flags of a network interface.</summary>
public static partial class NetIf
{
    private const int AF_INET = 2;
    private const int SOCK_DGRAM = 2;
    private const nuint SIOCGIFFLAGS = 0x8913;
    private const nuint SIOCSIFFLAGS = 0x8914;
    private const short IFF_UP = 1;

    /// <summary>Sets the loopback interface of this process's network namespace up.</summary>
    public static void SetLoopbackUp()
    {
        using var socket = new FileDescriptor(
            LinuxException.Check(NetIf.socket(AF_INET, SOCK_DGRAM | SysSocket.SOCK_CLOEXEC, 0), "socket"));
        var request = new InterfaceRequest { Name = 0x6f6c }; // "lo"
        LinuxException.Check(ioctl(socket.Number, SIOCGIFFLAGS, ref request), "ioctl SIOCGIFFLAGS", "lo");
        request.Flags |= IFF_UP;
        LinuxException.Check(ioctl(socket.Number, SIOCSIFFLAGS, ref request), "ioctl SIOCSIFFLAGS", "lo");
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int socket(int domain, int type, int protocol);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int ioctl(int fd, nuint request, ref InterfaceRequest argument);

    // struct ifreq: 16 bytes of name, then a union of 24.
    [StructLayout(LayoutKind.Sequential, Size = 40)]
    internal struct InterfaceRequest
    {
        public ulong Name;
        public ulong NameRest;
        public short Flags;
    }
}
