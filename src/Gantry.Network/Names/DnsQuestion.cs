using System.Buffers.Binary;
using System.Net;
using System.Text;

namespace Gantry.Network.Names;

/// <summary>The one question of a DNS query (RFC 1035 section 4.1.2), and the answers to it.</summary>
internal sealed record DnsQuestion(ushort Id, bool RecursionDesired, string Name, ushort Type, ReadOnlyMemory<byte> Question)
{
    internal const ushort TypeA = 1;
    internal const ushort TypePtr = 12;
    internal const ushort TypeAaaa = 28;
    internal const byte NoError = 0;
    internal const byte ServerFailure = 2;
    internal const byte NameError = 3;
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
    internal byte[] Answer(IReadOnlyList<IPAddress> addresses)
    {
        byte[] reply = Reply(NoError, addresses.Count, addresses.Count * 16, out int position);
        foreach (IPAddress address in addresses)
        {
            position = RecordHeader(reply, position, TypeA, 4);
            address.TryWriteBytes(reply.AsSpan(position), out _);
            position += 4;
        }

        return reply;
    }

    /// <summary>An answer to a reverse look-up.</summary>
    internal byte[] AnswerName(string name)
    {
        string[] labels = name.Split('.', StringSplitOptions.RemoveEmptyEntries);
        int length = labels.Sum(label => label.Length + 1) + 1;
        byte[] reply = Reply(NoError, 1, 12 + length, out int position);
        position = RecordHeader(reply, position, TypePtr, (ushort)length);
        foreach (string label in labels)
        {
            reply[position] = (byte)label.Length;
            Encoding.Latin1.GetBytes(label, reply.AsSpan(position + 1));
            position += 1 + label.Length;
        }

        return reply;
    }

    /// <summary>An answer without records.</summary>
    internal byte[] Refuse(byte code) => Reply(code, 0, 0, out _);

    /// <summary>The address that a name under in-addr.arpa asks about, or null.</summary>
    internal IPAddress? ReverseAddress()
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

    private static int RecordHeader(byte[] reply, int position, ushort type, ushort length)
    {
        Span<byte> record = reply.AsSpan(position);
        // A pointer to the question's name.
        BinaryPrimitives.WriteUInt16BigEndian(record, 0xc000 | HeaderSize);
        BinaryPrimitives.WriteUInt16BigEndian(record[2..], type);
        BinaryPrimitives.WriteUInt16BigEndian(record[4..], 1);
        BinaryPrimitives.WriteUInt32BigEndian(record[6..], TimeToLiveSeconds);
        BinaryPrimitives.WriteUInt16BigEndian(record[10..], length);
        return position + 12;
    }
}
