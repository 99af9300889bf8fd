using System.Runtime.InteropServices;
using Gantry.Faults;
using Microsoft.Win32.SafeHandles;
using static Gantry.Linux.Netlink.NetlinkConstants;

namespace Gantry.Linux.Netlink;

/// <summary>
/// A NETLINK_ROUTE socket: sends requests and reads their answers, one exchange at a time. It belongs for ever to the network
/// namespace in which it was opened.
/// </summary>
internal sealed partial class NetlinkSocket : IDisposable
{
    private readonly SafeFileHandle _socket;
    private readonly byte[] _receiveBuffer = new byte[64 * 1024];
    private uint _sequence;

    private NetlinkSocket(SafeFileHandle socket) => _socket = socket;

    /// <summary>Opens a socket in the calling thread's network namespace.</summary>
    internal static NetlinkSocket Open()
    {
        int descriptor = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
        if (descriptor < 0)
        {
            throw NetlinkError.Fault("socket NETLINK_ROUTE", Marshal.GetLastPInvokeError());
        }

        NetlinkSocket result = new(new SafeFileHandle(descriptor, ownsHandle: true));
        int one = 1;
        // The kernel then adds its own words to errors, and leaves the request out of its answers (Linux 4.12 and 4.2).
        setsockopt(descriptor, SOL_NETLINK, NETLINK_EXT_ACK, ref one, sizeof(int));
        setsockopt(descriptor, SOL_NETLINK, NETLINK_CAP_ACK, ref one, sizeof(int));
        return result;
    }

    /// <summary>
    /// Sends all messages in one call and waits for every acknowledgement; the kernel applies them in order. Throws the
    /// first error whose errno is not in <paramref name="tolerated"/>; the messages after it were applied all the same.
    /// </summary>
    internal void Execute(NetlinkMessageWriter messages, ReadOnlySpan<int> tolerated = default)
    {
        lock (_receiveBuffer)
        {
            uint first = _sequence + 1;
            _sequence += (uint)messages.Operations.Count;
            messages.Stamp(first);
            Send(messages);
            int outstanding = messages.Operations.Count;
            FaultException? failure = null;
            while (outstanding > 0)
            {
                ReadOnlySpan<byte> received = Receive();
                foreach (NetlinkFrame frame in new NetlinkFrames(received))
                {
                    uint index = frame.Sequence - first;
                    if (frame.Type != NLMSG_ERROR || index >= (uint)messages.Operations.Count)
                    {
                        continue;
                    }

                    outstanding--;
                    int errno = -MemoryMarshal.Read<int>(frame.Payload);
                    if (errno != 0 && !tolerated.Contains(errno))
                    {
                        failure ??= NetlinkError.Fault(messages.Operations[(int)index], errno, ExtendedMessage(frame));
                    }
                }
            }

            if (failure is not null)
            {
                throw failure;
            }
        }
    }

    /// <summary>Sends one dump request and hands every answer frame to <paramref name="onFrame"/>.</summary>
    internal void Dump(NetlinkMessageWriter message, NetlinkFrameHandler onFrame)
    {
        lock (_receiveBuffer)
        {
            uint sequence = ++_sequence;
            message.Stamp(sequence);
            Send(message);
            while (true)
            {
                ReadOnlySpan<byte> received = Receive();
                foreach (NetlinkFrame frame in new NetlinkFrames(received))
                {
                    if (frame.Sequence != sequence)
                    {
                        continue;
                    }

                    if (frame.Type == NLMSG_DONE)
                    {
                        return;
                    }

                    if (frame.Type == NLMSG_ERROR)
                    {
                        throw NetlinkError.Fault(message.Operations[0], -MemoryMarshal.Read<int>(frame.Payload));
                    }

                    onFrame(frame);
                }
            }
        }
    }

    public void Dispose() => _socket.Dispose();

    private static string? ExtendedMessage(NetlinkFrame frame)
    {
        if ((frame.Flags & NLM_F_ACK_TLVS) == 0)
        {
            return null;
        }

        // With NETLINK_CAP_ACK the payload is the errno, the request's header (16 bytes) and then the attributes.
        int skip = (frame.Flags & NLM_F_CAPPED) != 0 ? 20 : 4 + (int)MemoryMarshal.Read<uint>(frame.Payload[4..]);
        foreach (NetlinkAttribute attribute in new NetlinkAttributes(frame.Payload[Math.Min(skip, frame.Payload.Length)..]))
        {
            if (attribute.Type == NLMSGERR_ATTR_MSG)
            {
                return attribute.Text;
            }
        }

        return null;
    }

    private unsafe void Send(NetlinkMessageWriter messages)
    {
        fixed (byte* data = messages.Written)
        {
            nint sent;
            int errno;
            do
            {
                sent = send((int)_socket.DangerousGetHandle(), data, (nuint)messages.Written.Length, 0);
                errno = Marshal.GetLastPInvokeError();
            }
            while (sent < 0 && errno == EINTR);
            if (sent < 0)
            {
                throw NetlinkError.Fault("send " + messages.Operations[0], errno);
            }
        }
    }

    private unsafe ReadOnlySpan<byte> Receive()
    {
        fixed (byte* data = _receiveBuffer)
        {
            nint received;
            int errno;
            do
            {
                received = recv((int)_socket.DangerousGetHandle(), data, (nuint)_receiveBuffer.Length, 0);
                errno = Marshal.GetLastPInvokeError();
            }
            while (received < 0 && errno == EINTR);
            return received >= 0 ? _receiveBuffer.AsSpan(0, (int)received) : throw NetlinkError.Fault("recv netlink", errno);
        }
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int socket(int domain, int type, int protocol);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int setsockopt(int socket, int level, int name, ref int value, uint length);

    [LibraryImport("libc", SetLastError = true)]
    private static unsafe partial nint send(int socket, byte* buffer, nuint length, int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static unsafe partial nint recv(int socket, byte* buffer, nuint length, int flags);
}
