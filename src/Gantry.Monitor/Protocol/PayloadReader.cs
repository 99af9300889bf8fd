using System.Buffers.Binary;
using System.Text;
using Gantry.Faults;

namespace Gantry.Monitor.Protocol;

/// <summary>Reads a payload's members in order; throws <see cref="FaultKind.InvalidArgument"/> when it is too short.</summary>
public ref struct PayloadReader
{
    private ReadOnlySpan<byte> _rest;

    /// <summary>Starts at the payload's first byte.</summary>
    public PayloadReader(ReadOnlySpan<byte> payload) => _rest = payload;

    /// <summary>Reads one byte.</summary>
    public byte Byte() => Take(1)[0];

    /// <summary>Reads a byte that is 0 or not.</summary>
    public bool Bool() => Byte() != 0;

    /// <summary>Reads two bytes, little endian.</summary>
    public ushort UInt16() => BinaryPrimitives.ReadUInt16LittleEndian(Take(2));

    /// <summary>Reads four bytes, little endian.</summary>
    public uint UInt32() => BinaryPrimitives.ReadUInt32LittleEndian(Take(4));

    /// <summary>Reads a length of four bytes and the bytes.</summary>
    public ReadOnlySpan<byte> Blob()
    {
        var length = UInt32();
        return Take(length > int.MaxValue ? int.MaxValue : (int)length);
    }

    /// <summary>Reads a length of four bytes and UTF-8 text.</summary>
    public string String() => Encoding.UTF8.GetString(Blob());

    private ReadOnlySpan<byte> Take(int count)
    {
        if (count > _rest.Length)
        {
            throw new FaultException(FaultKind.InvalidArgument, "monitor frame: the payload is shorter than its members");
        }
        var taken = _rest[..count];
        _rest = _rest[count..];
        return taken;
    }
}
