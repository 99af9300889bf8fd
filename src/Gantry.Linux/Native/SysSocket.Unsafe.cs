using System.Runtime.InteropServices;
using System.Text;

namespace Gantry.Linux.Native;

/// <summary>The calls of sys/socket.h that take structures with pointers.</summary>
public static unsafe partial class SysSocket
{
    private const int SOL_SOCKET = 1;
    private const int SCM_RIGHTS = 1;
    private const int MSG_CTRUNC = 8;
    private const int MSG_CMSG_CLOEXEC = 0x40000000;
    private const int UnixPathSize = 108;

    /// <summary>Sends a message, with one descriptor when <paramref name="descriptor"/> is not negative.</summary>
    public static void SendMessage(int socket, ReadOnlySpan<byte> data, int descriptor = -1)
    {
        ControlMessage control;
        fixed (byte* bytes = data)
        {
            var vector = new IoVector { Base = bytes, Length = (nuint)data.Length };
            var message = new MessageHeader { Vectors = &vector, VectorCount = 1 };
            if (descriptor >= 0)
            {
                control = new ControlMessage
                {
                    Length = (nuint)(sizeof(ControlMessage) - sizeof(int)),
                    Level = SOL_SOCKET,
                    Type = SCM_RIGHTS,
                    Descriptor = descriptor,
                };
                message.Control = &control;
                message.ControlLength = (nuint)sizeof(ControlMessage);
            }
            nint result;
            do
            {
                result = sendmsg(socket, &message, MSG_NOSIGNAL);
            }
            while (result < 0 && Marshal.GetLastPInvokeError() == Errno.EINTR);
            LinuxException.Check(result, "sendmsg");
        }
    }

    /// <summary>
    /// Receives a message and the descriptor that came with it (close-on-exec), if any. Returns the message's length; 0 is
    /// the peer's end.
    /// </summary>
    public static int ReceiveMessage(int socket, Span<byte> buffer, out FileDescriptor? descriptor)
    {
        ControlMessage control = default;
        fixed (byte* bytes = buffer)
        {
            var vector = new IoVector { Base = bytes, Length = (nuint)buffer.Length };
            var message = new MessageHeader
            {
                Vectors = &vector,
                VectorCount = 1,
                Control = &control,
                ControlLength = (nuint)sizeof(ControlMessage),
            };
            nint result;
            do
            {
                result = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
            }
            while (result < 0 && Marshal.GetLastPInvokeError() == Errno.EINTR);
            LinuxException.Check(result, "recvmsg");
            var whole = message.ControlLength >= (nuint)(sizeof(ControlMessage) - sizeof(int)) && (message.Flags & MSG_CTRUNC) == 0;
            descriptor = whole && control.Type == SCM_RIGHTS ? new FileDescriptor(control.Descriptor) : null;
            return (int)result;
        }
    }

    /// <summary>A listening stream socket at a path, non-blocking, readable and writable by its owner only.</summary>
    public static FileDescriptor Listen(string path, int backlog)
    {
        var listener = new FileDescriptor(
            LinuxException.Check(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), "socket"));
        var address = MakeAddress(path);
        var mask = SysStat.SetMask(0x7f);
        var result = bind(listener.Number, &address, (uint)sizeof(UnixAddress));
        var errno = Marshal.GetLastPInvokeError();
        SysStat.SetMask(mask);
        if (result < 0)
        {
            listener.Dispose();
            throw new LinuxException("bind", path, errno);
        }
        LinuxException.Check(listen(listener.Number, backlog), "listen", path);
        return listener;
    }

    /// <summary>A blocking stream connection to a path; <paramref name="named"/> by a name that the kernel finds (unix(7), "autobind").</summary>
    public static FileDescriptor Connect(string path, bool named = false)
    {
        var connection = new FileDescriptor(LinuxException.Check(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"));
        var address = MakeAddress(path);
        if (named)
        {
            var family = new UnixAddress { Family = AF_UNIX };
            LinuxException.Check(bind(connection.Number, &family, sizeof(ushort)), "bind", "autobind");
        }
        if (connect(connection.Number, &address, (uint)sizeof(UnixAddress)) < 0)
        {
            var errno = Marshal.GetLastPInvokeError();
            connection.Dispose();
            throw new LinuxException("connect", path, errno);
        }
        return connection;
    }

    /// <summary>
    /// A non-blocking stream connection to a path or, with a leading @, to a name of the abstract namespace; null with the errno
    /// when there is none, EAGAIN when the listener's queue is full.
    /// </summary>
    public static FileDescriptor? TryConnect(string path, out int errno)
    {
        var connection = new FileDescriptor(
            LinuxException.Check(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), "socket"));
        var address = MakeAddress(path, out var length);
        if (connect(connection.Number, &address, length) < 0)
        {
            errno = Marshal.GetLastPInvokeError();
            connection.Dispose();
            return null;
        }
        errno = 0;
        return connection;
    }

    /// <summary>A datagram socket bound to a path.</summary>
    public static FileDescriptor BindDatagram(string path)
    {
        var result = new FileDescriptor(LinuxException.Check(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket"));
        var address = MakeAddress(path);
        if (bind(result.Number, &address, (uint)sizeof(UnixAddress)) < 0)
        {
            var errno = Marshal.GetLastPInvokeError();
            result.Dispose();
            throw new LinuxException("bind", path, errno);
        }
        return result;
    }

    /// <summary>A datagram socket connected to a path, or, with a leading @, to a name of the abstract namespace.</summary>
    public static FileDescriptor ConnectDatagram(string path)
    {
        var result = new FileDescriptor(LinuxException.Check(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket"));
        var address = MakeAddress(path, out var length);
        if (connect(result.Number, &address, length) < 0)
        {
            var errno = Marshal.GetLastPInvokeError();
            result.Dispose();
            throw new LinuxException("connect", path, errno);
        }
        return result;
    }

    /// <summary>True when the other side of a connection has a name.</summary>
    public static bool IsPeerNamed(int connection)
    {
        UnixAddress address;
        var length = (uint)sizeof(UnixAddress);
        LinuxException.Check(getpeername(connection, &address, &length), "getpeername");
        return length > sizeof(ushort);
    }

    /// <summary>Accepts a connection, non-blocking; null when none waits.</summary>
    public static FileDescriptor? Accept(int listener)
    {
        var number = accept4(listener, null, null, SOCK_CLOEXEC | SOCK_NONBLOCK);
        return number >= 0 ? new FileDescriptor(number) : null;
    }

    /// <summary>send(2) without blocking or SIGPIPE: the count, -1 for EAGAIN, -2 when the peer is gone.</summary>
    public static int TrySend(int socket, ReadOnlySpan<byte> data)
    {
        fixed (byte* bytes = data)
        {
            while (true)
            {
                var count = send(socket, bytes, (nuint)data.Length, MSG_DONTWAIT | MSG_NOSIGNAL);
                if (count >= 0)
                {
                    return (int)count;
                }
                var errno = Marshal.GetLastPInvokeError();
                if (errno != Errno.EINTR)
                {
                    return errno == Errno.EAGAIN ? -1 : -2;
                }
            }
        }
    }

    /// <summary>An address whose path may be a name of the abstract namespace, with a leading @.</summary>
    private static UnixAddress MakeAddress(string path, out uint length)
    {
        var address = MakeAddress(path);
        length = (uint)sizeof(UnixAddress);
        if (path.StartsWith('@'))
        {
            address.Path[0] = 0;
            length = (uint)(sizeof(ushort) + Encoding.UTF8.GetByteCount(path));
        }
        return address;
    }

    private static UnixAddress MakeAddress(string path)
    {
        var address = new UnixAddress { Family = AF_UNIX };
        if (Encoding.UTF8.GetByteCount(path) >= UnixPathSize)
        {
            throw new LinuxException("socket path", path, Errno.ENAMETOOLONG);
        }
        Encoding.UTF8.GetBytes(path, new Span<byte>(address.Path, UnixPathSize));
        return address;
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint sendmsg(int socket, MessageHeader* message, int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint recvmsg(int socket, MessageHeader* message, int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint send(int socket, byte* data, nuint length, int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int socket(int domain, int type, int protocol);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int bind(int socket, UnixAddress* address, uint length);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int connect(int socket, UnixAddress* address, uint length);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int getpeername(int socket, UnixAddress* address, uint* length);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int listen(int socket, int backlog);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int accept4(int socket, void* address, void* length, int flags);

    [StructLayout(LayoutKind.Sequential)]
    internal struct IoVector
    {
        public byte* Base;
        public nuint Length;
    }

    [StructLayout(LayoutKind.Sequential)]
    internal struct MessageHeader
    {
        public void* Name;
        public uint NameLength;
        public IoVector* Vectors;
        public nuint VectorCount;
        public void* Control;
        public nuint ControlLength;
        public int Flags;
    }

    // struct cmsghdr with one descriptor, padded as CMSG_SPACE does.
    [StructLayout(LayoutKind.Sequential)]
    internal struct ControlMessage
    {
        public nuint Length;
        public int Level;
        public int Type;
        public int Descriptor;
        public int Padding;
    }

    [StructLayout(LayoutKind.Sequential)]
    internal struct UnixAddress
    {
        public ushort Family;
        public fixed byte Path[UnixPathSize];
    }
}
