using System.Text;

namespace Gantry.Runtime.Checkpoint;

/// <summary>Writes a message of CRIU's protocol (rpc.proto, proto2): the few kinds of field that it has.</summary>
internal sealed class CriuMessage
{
    private const int VarintType = 0;
    private const int BytesType = 2;

    private readonly List<byte> _bytes = [];

    public void Add(int field, bool value) => Add(field, value ? 1 : 0);

    public void Add(int field, int value)
    {
        AddVarint((ulong)((field << 3) | VarintType));
        // A negative int32 is sent as its 64 bits.
        AddVarint((ulong)(long)value);
    }

    public void Add(int field, string value) => Add(field, Encoding.UTF8.GetBytes(value));

    public void Add(int field, CriuMessage value) => Add(field, [.. value._bytes]);

    public byte[] ToArray() => [.. _bytes];

    private void Add(int field, byte[] value)
    {
        AddVarint((ulong)((field << 3) | BytesType));
        AddVarint((ulong)value.Length);
        _bytes.AddRange(value);
    }

    private void AddVarint(ulong value)
    {
        for (; value >= 0x80; value >>= 7)
        {
            _bytes.Add((byte)(value | 0x80));
        }
        _bytes.Add((byte)value);
    }
}
