using System.Text;
using Gantry.Faults;

namespace Gantry.Runtime.Checkpoint;

/// <summary>An answer of CRIU (criu_resp of rpc.proto), as far as it is used.</summary>
internal sealed record CriuReply
{
    public int Type { get; private set; }

    public bool Success { get; private set; }

    public int RestoredPid { get; private set; }

    /// <summary>The name of the moment that a notification tells.</summary>
    public string Script { get; private set; } = "";

    public int NotifiedPid { get; private set; }

    public int ErrorNumber { get; private set; }

    public static CriuReply Parse(ReadOnlySpan<byte> bytes)
    {
        var reply = new CriuReply();
        Read(bytes, (field, number, data) =>
        {
            switch (field)
            {
                case 1: reply.Type = (int)number; break;
                case 2: reply.Success = number != 0; break;
                case 4: Read(data.Span, (inner, value, _) => reply.RestoredPid = inner == 1 ? (int)value : reply.RestoredPid); break;
                case 5: reply.ReadNotification(data.Span); break;
                case 7: reply.ErrorNumber = (int)number; break;
            }
        });
        return reply;
    }

    private void ReadNotification(ReadOnlySpan<byte> bytes) => Read(bytes, (field, number, data) =>
    {
        switch (field)
        {
            case 1: Script = Encoding.UTF8.GetString(data.Span); break;
            case 2: NotifiedPid = (int)number; break;
        }
    });

    private static void Read(ReadOnlySpan<byte> bytes, Action<int, ulong, ReadOnlyMemory<byte>> field)
    {
        while (bytes.Length > 0)
        {
            var key = ReadVarint(ref bytes);
            var number = 0UL;
            byte[] data = [];
            switch (key & 7)
            {
                case 0:
                    number = ReadVarint(ref bytes);
                    break;
                case 2:
                    data = Take(ref bytes, ReadVarint(ref bytes)).ToArray();
                    break;
                case 1:
                    Take(ref bytes, 8);
                    break;
                case 5:
                    Take(ref bytes, 4);
                    break;
                default:
                    throw Malformed();
            }
            field((int)(key >> 3), number, data);
        }
    }

    private static ReadOnlySpan<byte> Take(ref ReadOnlySpan<byte> bytes, ulong count)
    {
        if (count > (ulong)bytes.Length)
        {
            throw Malformed();
        }
        var taken = bytes[..(int)count];
        bytes = bytes[(int)count..];
        return taken;
    }

    private static ulong ReadVarint(ref ReadOnlySpan<byte> bytes)
    {
        var value = 0UL;
        for (var shift = 0; shift < 64; shift += 7)
        {
            var next = Take(ref bytes, 1)[0];
            value |= (ulong)(next & 0x7f) << shift;
            if (next < 0x80)
            {
                return value;
            }
        }
        throw Malformed();
    }

    private static FaultException Malformed() => new(FaultKind.DataLoss, "criu: its answer is malformed");
}
