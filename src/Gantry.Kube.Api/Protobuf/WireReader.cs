using System.Buffers.Binary;

namespace Gantry.Kube.Api.Protobuf;

/// <summary>Reads protobuf's wire format. Malformed input is <see cref="InvalidDataException"/>.</summary>
internal ref struct WireReader(ReadOnlySpan<byte> data)
{
    private ReadOnlySpan<byte> _rest = data;

    /// <summary>Reads the next field's number and wire type; false at the end.</summary>
    public bool Next(out int number, out int wireType)
    {
        number = 0;
        wireType = 0;
        if (_rest.IsEmpty)
        {
            return false;
        }

        var tag = Varint();
        number = (int)(tag >> 3);
        wireType = (int)(tag & 7);
        return number > 0 ? true : throw new InvalidDataException("proto: illegal tag 0");
    }

    public ulong Varint()
    {
        ulong value = 0;
        for (var shift = 0; shift < 64; shift += 7)
        {
            if (_rest.IsEmpty)
            {
                throw new InvalidDataException("unexpected EOF");
            }

            var b = _rest[0];
            _rest = _rest[1..];
            value |= (ulong)(b & 0x7F) << shift;
            if (b < 0x80)
            {
                return value;
            }
        }

        throw new InvalidDataException("proto: integer overflow");
    }

    public ReadOnlySpan<byte> Bytes()
    {
        var length = Varint();
        if (length > (ulong)_rest.Length)
        {
            throw new InvalidDataException("unexpected EOF");
        }

        var bytes = _rest[..(int)length];
        _rest = _rest[(int)length..];
        return bytes;
    }

    public double Double()
    {
        var value = BinaryPrimitives.ReadDoubleLittleEndian(Fixed(8));
        return value;
    }

    public void Skip(int wireType)
    {
        switch (wireType)
        {
            case 0: Varint(); break;
            case 1: Fixed(8); break;
            case 2: Bytes(); break;
            case 5: Fixed(4); break;
            default: throw new InvalidDataException($"proto: illegal wireType {wireType}");
        }
    }

    private ReadOnlySpan<byte> Fixed(int length)
    {
        if (_rest.Length < length)
        {
            throw new InvalidDataException("unexpected EOF");
        }

        var bytes = _rest[..length];
        _rest = _rest[length..];
        return bytes;
    }
}
