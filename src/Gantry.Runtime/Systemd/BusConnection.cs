using System.Globalization;
using System.Text;
using Gantry.Faults;
using Gantry.Linux;
using Gantry.Linux.Native;

namespace Gantry.Runtime.Systemd;

/// <summary>
/// A connection to a message bus, or to systemd itself: one call at a time, and the signals that come meanwhile. Everything
/// together must be done within a limit of time, whatever the other side does.
/// </summary>
internal sealed class BusConnection : IDisposable
{
    private const int MaxLine = 4096;
    private const int RetryMs = 10;

    private readonly FileDescriptor _socket;
    private readonly string _where;
    private readonly long _end;
    private uint _serial;

    private BusConnection(FileDescriptor socket, string where, long end) => (_socket, _where, _end) = (socket, where, end);

    /// <summary>Connects, says who this process is and, on a bus, asks for a name.</summary>
    public static BusConnection Open(BusAddress address, TimeSpan limit)
    {
        var end = Environment.TickCount64 + (long)limit.TotalMilliseconds;
        var connection = new BusConnection(Connect(address.Path, end), address.Path, end);
        try
        {
            connection.Authenticate();
            if (!address.IsDirect)
            {
                connection.Call("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "Hello", "", null, _ => { });
            }
            return connection;
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    /// <summary>Calls a method and returns what it answers. Other messages that come meanwhile go to <paramref name="other"/>.</summary>
    public BusMessage Call(
        string destination, string path, string type, string member, string signature, Action<BusWriter>? write, Action<BusMessage> other)
    {
        var body = new BusWriter();
        write?.Invoke(body);
        var call = new BusMessage
        {
            Type = BusMessage.MethodCall,
            Serial = ++_serial,
            Destination = destination,
            Path = path,
            Interface = type,
            Member = member,
            Signature = signature,
            Body = body.Written.ToArray(),
        };
        Send(call.Write(), member);
        while (true)
        {
            var message = Receive(member);
            if (message.Type is BusMessage.MethodReturn or BusMessage.Error && message.ReplySerial == call.Serial)
            {
                return message.Type == BusMessage.MethodReturn ? message : throw ErrorOf(message, member);
            }
            other(message);
        }
    }

    /// <summary>The next message; <paramref name="waitingFor"/> is what a failure names.</summary>
    public BusMessage Receive(string waitingFor)
    {
        var header = new byte[BusMessage.FixedHeaderSize];
        ReadFully(header, waitingFor);
        var whole = new byte[BusMessage.SizeOf(header)];
        header.CopyTo(whole, 0);
        ReadFully(whole.AsSpan(header.Length), waitingFor);
        return BusMessage.Parse(whole);
    }

    public void Dispose() => _socket.Dispose();

    private static BusErrorException ErrorOf(BusMessage message, string member)
    {
        var text = "";
        if (message.Signature.StartsWith('s'))
        {
            text = new BusReader(message.Body.Span, message.IsBigEndian).String();
        }
        return new BusErrorException(message.ErrorName, member, text);
    }

    private static FileDescriptor Connect(string path, long end)
    {
        while (true)
        {
            if (SysSocket.TryConnect(path, out var errno) is { } socket)
            {
                return socket;
            }
            // EAGAIN: more wait to be accepted than the listener keeps.
            if (errno != Errno.EAGAIN || Environment.TickCount64 >= end)
            {
                throw new LinuxException("connect", path, errno);
            }
            Poll.Wait([], RetryMs);
        }
    }

    /// <summary>
    /// SASL's EXTERNAL: the other side knows the caller from the socket. No user is named, since in a user namespace the number
    /// here is not the one there; a server that wants one gets it at the second try.
    /// </summary>
    private void Authenticate()
    {
        Send("\0AUTH EXTERNAL\r\n"u8, "AUTH");
        var answer = ReadLine();
        if (answer.StartsWith("DATA", StringComparison.Ordinal))
        {
            Send("DATA\r\n"u8, "AUTH");
            answer = ReadLine();
        }
        if (!answer.StartsWith("OK", StringComparison.Ordinal))
        {
            var user = Unistd.EffectiveUserId().ToString(CultureInfo.InvariantCulture);
            Send(Encoding.ASCII.GetBytes($"AUTH EXTERNAL {Convert.ToHexString(Encoding.ASCII.GetBytes(user))}\r\n"), "AUTH");
            answer = ReadLine();
        }
        if (!answer.StartsWith("OK", StringComparison.Ordinal))
        {
            throw new FaultException(FaultKind.PermissionDenied, $"systemd: {_where} does not take this user: it says \"{answer}\"");
        }
        Send("BEGIN\r\n"u8, "AUTH");
    }

    private string ReadLine()
    {
        var line = new byte[MaxLine];
        for (var length = 0; length < line.Length; length++)
        {
            ReadFully(line.AsSpan(length, 1), "AUTH");
            if (length > 0 && line[length - 1] == '\r' && line[length] == '\n')
            {
                return Encoding.UTF8.GetString(line, 0, length - 1);
            }
        }
        throw BusReader.Malformed("an answer to AUTH without an end");
    }

    private void Send(ReadOnlySpan<byte> data, string what)
    {
        while (data.Length > 0)
        {
            var count = SysSocket.TrySend(_socket.Number, data);
            if (count == -2)
            {
                throw Gone(what);
            }
            if (count < 0)
            {
                WaitFor(Poll.POLLOUT, what);
                continue;
            }
            data = data[count..];
        }
    }

    private void ReadFully(Span<byte> buffer, string what)
    {
        while (buffer.Length > 0)
        {
            int count;
            try
            {
                count = Unistd.Read(_socket.Number, buffer);
            }
            catch (LinuxException e) when (e.ErrorNumber == Errno.ECONNRESET)
            {
                throw Gone(what);
            }
            if (count == 0)
            {
                throw Gone(what);
            }
            if (count < 0)
            {
                WaitFor(Poll.POLLIN, what);
                continue;
            }
            buffer = buffer[count..];
        }
    }

    private void WaitFor(short what, string call)
    {
        var left = _end - Environment.TickCount64;
        if (left <= 0)
        {
            throw new FaultException(FaultKind.DeadlineExceeded, $"systemd: {_where}: {call} was not answered in time; is systemd at work?");
        }
        Span<PollDescriptor> wanted = [new PollDescriptor(_socket.Number, what)];
        Poll.Wait(wanted, (int)Math.Min(left, int.MaxValue));
    }

    private FaultException Gone(string call) =>
        new(FaultKind.Unavailable, $"systemd: {_where} closed the connection instead of answering {call}");
}
