using System.Buffers.Binary;
using System.Text;

namespace Gantry.Runtime.Systemd;

/// <summary>Marshals values of D-Bus, little-endian (D-Bus specification, "Marshaling"). Offsets count from the message's start.</summary>
internal sealed class BusWriter
{
    private byte[] _buffer = new byte[256];

    public int Length { get; private set; }

    public ReadOnlySpan<byte> Written => _buffer.AsSpan(0, Length);

    public void Align(int size)
    {
        var padding = (size - (Length % size)) % size;
        Take(padding).Clear();
    }

    public void Byte(byte value) => Take(1)[0] = value;

    public void UInt16(ushort value)
    {
        Align(2);
        BinaryPrimitives.WriteUInt16LittleEndian(Take(2), value);
    }

    public void UInt32(uint value)
    {
        Align(4);
        BinaryPrimitives.WriteUInt32LittleEndian(Take(4), value);
    }

    public void UInt64(ulong value)
    {
        Align(8);
        BinaryPrimitives.WriteUInt64LittleEndian(Take(8), value);
    }

    public void Bool(bool value) => UInt32(value ? 1u : 0);

    public void String(string value)
    {
        var length = Encoding.UTF8.GetByteCount(value);
        UInt32((uint)length);
        Encoding.UTF8.GetBytes(value, Take(length));
        Byte(0);
    }

    /// <summary>A signature: its length takes one byte and no alignment.</summary>
    public void Signature(string value)
    {
        Byte((byte)value.Length);
        Encoding.ASCII.GetBytes(value, Take(value.Length));
        Byte(0);
    }

    /// <summary>An array of elements with an alignment; its length is known only afterwards.</summary>
    public void Array(int alignment, Action write)
    {
        UInt32(0);
        var at = Length - 4;
        Align(alignment);
        var start = Length;
        write();
        BinaryPrimitives.WriteUInt32LittleEndian(_buffer.AsSpan(at, 4), (uint)(Length - start));
    }

    public void Raw(ReadOnlySpan<byte> bytes) => bytes.CopyTo(Take(bytes.Length));

    private Span<byte> Take(int count)
    {
        if (Length + count > _buffer.Length)
        {
            System.Array.Resize(ref _buffer, Math.Max(_buffer.Length * 2, Length + count));
        }
        var span = _buffer.AsSpan(Length, count);
        Length += count;
        return span;
    }
}
