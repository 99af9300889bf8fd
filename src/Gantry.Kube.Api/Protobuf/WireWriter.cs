using System.Buffers;
using System.Buffers.Binary;
using System.Text;

namespace Gantry.Kube.Api.Protobuf;

/// <summary>Writes protobuf's wire format.</summary>
internal sealed class WireWriter
{
    private readonly ArrayBufferWriter<byte> _output = new(512);

    public ReadOnlySpan<byte> Written => _output.WrittenSpan;

    public void Bytes(int number, ReadOnlySpan<byte> bytes)
    {
        Varint((ulong)((uint)number << 3 | 2));
        Varint((ulong)bytes.Length);
        _output.Write(bytes);
    }

    public void Text(int number, string text) => Bytes(number, Encoding.UTF8.GetBytes(text));

    public void Number(int number, long value)
    {
        Varint((ulong)((uint)number << 3));
        Varint((ulong)value);
    }

    public void Double(int number, double value)
    {
        Varint((ulong)((uint)number << 3 | 1));
        BinaryPrimitives.WriteDoubleLittleEndian(_output.GetSpan(8), value);
        _output.Advance(8);
    }

    private void Varint(ulong value)
    {
        var span = _output.GetSpan(10);
        var count = 0;
        for (; value >= 0x80; value >>= 7)
        {
            span[count++] = (byte)(value | 0x80);
        }

        span[count++] = (byte)value;
        _output.Advance(count);
    }
}
