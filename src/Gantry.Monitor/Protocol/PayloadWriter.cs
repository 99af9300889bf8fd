using System.Buffers.Binary;
using System.Text;

namespace Gantry.Monitor.Protocol;

/// <summary>Builds one frame: room for the header, then the payload's members.</summary>
public sealed class PayloadWriter
{
    private byte[] _buffer = new byte[128];
    private int _length = FrameHeader.Size;

    /// <summary>Appends one byte.</summary>
    public PayloadWriter Byte(byte value)
    {
        Reserve(1)[0] = value;
        return this;
    }

    /// <summary>Appends 1 or 0.</summary>
    public PayloadWriter Bool(bool value) => Byte(value ? (byte)1 : (byte)0);

    /// <summary>Appends two bytes, little endian.</summary>
    public PayloadWriter UInt16(ushort value)
    {
        BinaryPrimitives.WriteUInt16LittleEndian(Reserve(2), value);
        return this;
    }

    /// <summary>Appends four bytes, little endian.</summary>
    public PayloadWriter UInt32(uint value)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(Reserve(4), value);
        return this;
    }

    /// <summary>Appends a length of four bytes and the bytes.</summary>
    public PayloadWriter Blob(ReadOnlySpan<byte> value)
    {
        UInt32((uint)value.Length);
        value.CopyTo(Reserve(value.Length));
        return this;
    }

    /// <summary>Appends a length of four bytes and the text's UTF-8.</summary>
    public PayloadWriter String(string value) => Blob(Encoding.UTF8.GetBytes(value));

    /// <summary>Fills in the header and returns the whole frame; the writer is not used again.</summary>
    public ReadOnlyMemory<byte> ToFrame(FrameType type, uint id, StdStream stream = 0)
    {
        new FrameHeader(_length - FrameHeader.Size, type, stream, id).Write(_buffer);
        return _buffer.AsMemory(0, _length);
    }

    private Span<byte> Reserve(int count)
    {
        if (_length + count > _buffer.Length)
        {
            Array.Resize(ref _buffer, Math.Max(_buffer.Length * 2, _length + count));
        }
        var span = _buffer.AsSpan(_length, count);
        _length += count;
        return span;
    }
}
