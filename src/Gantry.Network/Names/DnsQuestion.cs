using System.Buffers.Binary;
using System.Net;
using System.Text;

namespace Gantry.Network.Names;

/// <summary>The one question of a DNS query (RFC 1035 section 4.1.2), and the answers to it.</summary>
public sealed record DnsQuestion(ushort Id, bool RecursionDesired, string Name, ushort Type, ReadOnlyMemory<byte> Question)
{
    /// <summary>An IPv4 address.</summary>
    public const ushort TypeA = 1;

    /// <summary>A name for an address.</summary>
    public const ushort TypePtr = 12;

    /// <summary>An IPv6 address.</summary>
    public const ushort TypeAaaa = 28;

    /// <summary>A host and port of a service (RFC 2782).</summary>
    public const ushort TypeSrv = 33;

    /// <summary>There is an answer, or the name exists without records of the type.</summary>
    public const byte NoError = 0;

    /// <summary>The server could not find out.</summary>
    public const byte ServerFailure = 2;

    /// <summary>The name does not exist (NXDOMAIN).</summary>
    public const byte NameError = 3;

    private const int HeaderSize = 12;
    // Docker's value: names of containers change with every restart.
    private const uint TimeToLiveSeconds = 600;

    /// <summary>Reads a query; null for anything else (a response, several questions, a damaged name).</summary>
    internal static DnsQuestion? TryParse(ReadOnlyMemory<byte> message)
    {
        ReadOnlySpan<byte> bytes = message.Span;
        if (bytes.Length < HeaderSize + 5 || (bytes[2] & 0xf8) != 0 || BinaryPrimitives.ReadUInt16BigEndian(bytes[4..]) != 1)
        {
            return null;
        }

        StringBuilder name = new();
        int position = HeaderSize;
        while (position < bytes.Length && bytes[position] != 0)
        {
            int length = bytes[position];
            // A question's name has no reason to be compressed (the two high bits).
            if (length > 63 || position + 1 + length >= bytes.Length || name.Length > 255)
            {
                return null;
            }

            name.Append(name.Length > 0 ? "." : "").Append(Encoding.Latin1.GetString(bytes.Slice(position + 1, length)));
            position += 1 + length;
        }

        if (position + 5 > bytes.Length)
        {
            return null;
        }

        return new DnsQuestion(
            BinaryPrimitives.ReadUInt16BigEndian(bytes),
            (bytes[2] & 1) != 0,
            name.ToString().ToLowerInvariant(),
            BinaryPrimitives.ReadUInt16BigEndian(bytes[(position + 1)..]),
            message[HeaderSize..(position + 5)]);
    }

    /// <summary>An answer with addresses (none: the name exists, but not with this type).</summary>
    public byte[] Answer(IReadOnlyList<IPAddress> addresses, uint timeToLiveSeconds = TimeToLiveSeconds)
    {
        byte[] reply = Reply(NoError, addresses.Count, addresses.Count * 16, out int position);
        foreach (IPAddress address in addresses)
        {
            position = RecordHeader(reply, position, TypeA, 4, timeToLiveSeconds);
            address.TryWriteBytes(reply.AsSpan(position), out _);
            position += 4;
        }

        return reply;
    }

    /// <summary>An answer to a reverse look-up.</summary>
    public byte[] AnswerName(string name)
    {
        string[] labels = name.Split('.', StringSplitOptions.RemoveEmptyEntries);
        int length = labels.Sum(label => label.Length + 1) + 1;
        byte[] reply = Reply(NoError, 1, 12 + length, out int position);
        position = RecordHeader(reply, position, TypePtr, (ushort)length, TimeToLiveSeconds);
        WriteName(reply, position, labels);
        return reply;
    }

    /// <summary>An answer with hosts and ports, all of the same priority and weight.</summary>
    public byte[] AnswerServices(IReadOnlyList<(string Target, ushort Port)> services, uint timeToLiveSeconds)
    {
        List<string[]> targets = [.. services.Select(service => service.Target.Split('.', StringSplitOptions.RemoveEmptyEntries))];
        List<int> lengths = targets.ConvertAll(labels => labels.Sum(label => label.Length + 1) + 1);
        byte[] reply = Reply(NoError, services.Count, lengths.Sum(length => length + 18), out int position);
        for (int i = 0; i < services.Count; i++)
        {
            position = RecordHeader(reply, position, TypeSrv, (ushort)(6 + lengths[i]), timeToLiveSeconds);
            BinaryPrimitives.WriteUInt16BigEndian(reply.AsSpan(position + 2), 100);
            BinaryPrimitives.WriteUInt16BigEndian(reply.AsSpan(position + 4), services[i].Port);
            WriteName(reply, position + 6, targets[i]);
            position += 6 + lengths[i];
        }

        return reply;
    }

    /// <summary>An answer without records.</summary>
    public byte[] Refuse(byte code) => Reply(code, 0, 0, out _);

    /// <summary>The address that a name under in-addr.arpa asks about, or null.</summary>
    public IPAddress? ReverseAddress()
    {
        const string Suffix = ".in-addr.arpa";
        if (Type != TypePtr || !Name.EndsWith(Suffix, StringComparison.Ordinal))
        {
            return null;
        }

        string[] parts = Name[..^Suffix.Length].Split('.');
        Array.Reverse(parts);
        return parts.Length == 4 && IPAddress.TryParse(string.Join('.', parts), out IPAddress? address) ? address : null;
    }

    private byte[] Reply(byte code, int answers, int answerBytes, out int position)
    {
        byte[] reply = new byte[HeaderSize + Question.Length + answerBytes];
        BinaryPrimitives.WriteUInt16BigEndian(reply, Id);
        reply[2] = (byte)(0x80 | (RecursionDesired ? 1 : 0));
        reply[3] = (byte)(0x80 | code);
        reply[5] = 1;
        BinaryPrimitives.WriteUInt16BigEndian(reply.AsSpan(6), (ushort)answers);
        Question.Span.CopyTo(reply.AsSpan(HeaderSize));
        position = HeaderSize + Question.Length;
        return reply;
    }

    private static void WriteName(byte[] reply, int position, string[] labels)
    {
        foreach (string label in labels)
        {
            reply[position] = (byte)label.Length;
            Encoding.Latin1.GetBytes(label, reply.AsSpan(position + 1));
            position += 1 + label.Length;
        }
    }

    private static int RecordHeader(byte[] reply, int position, ushort type, ushort length, uint timeToLiveSeconds)
    {
        Span<byte> record = reply.AsSpan(position);
        // A pointer to the question's name.
        BinaryPrimitives.WriteUInt16BigEndian(record, 0xc000 | HeaderSize);
        BinaryPrimitives.WriteUInt16BigEndian(record[2..], type);
        BinaryPrimitives.WriteUInt16BigEndian(record[4..], 1);
        BinaryPrimitives.WriteUInt32BigEndian(record[6..], timeToLiveSeconds);
        BinaryPrimitives.WriteUInt16BigEndian(record[10..], length);
        return position + 12;
    }
}
