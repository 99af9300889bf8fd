using System.Buffers.Binary;
using System.Text;
using Gantry.Faults;

namespace Gantry.Runtime.Systemd;

/// <summary>
/// Unmarshals values of D-Bus. What is not a message by the specification throws <see cref="FaultKind.DataLoss"/>; nothing is
/// read past the end, and nothing is believed of a length before it was compared with what is there.
/// </summary>
internal ref struct BusReader(ReadOnlySpan<byte> data, bool bigEndian)
{
    /// <summary>How deep containers may lie in each other (32 arrays and 32 structures, and as many variants).</summary>
    private const int MaxDepth = 64;

    private readonly ReadOnlySpan<byte> _data = data;
    private int _position;

    public readonly int Position => _position;

    public readonly bool AtEnd => _position == _data.Length;

    public void Align(int size)
    {
        var padding = (size - (_position % size)) % size;
        foreach (var value in Take(padding))
        {
            if (value != 0)
            {
                throw Malformed("padding that is not zero");
            }
        }
    }

    public byte Byte() => Take(1)[0];

    public uint UInt32()
    {
        Align(4);
        var bytes = Take(4);
        return bigEndian ? BinaryPrimitives.ReadUInt32BigEndian(bytes) : BinaryPrimitives.ReadUInt32LittleEndian(bytes);
    }

    public string String()
    {
        var length = UInt32();
        return Text(length);
    }

    public string Signature() => Text(Byte());

    /// <summary>Skips one value of each type of a signature.</summary>
    public void Skip(string signature)
    {
        var at = 0;
        while (at < signature.Length)
        {
            SkipOne(signature, ref at, 0);
        }
    }

    private void SkipOne(string signature, ref int at, int depth)
    {
        if (depth > MaxDepth)
        {
            throw Malformed("containers in containers without end");
        }
        if (at >= signature.Length)
        {
            throw Malformed($"the signature {signature}");
        }
        var type = signature[at++];
        switch (type)
        {
            case 's' or 'o':
                String();
                return;
            case 'g':
                Signature();
                return;
            case 'v':
                var inner = Signature();
                var innerAt = 0;
                SkipOne(inner, ref innerAt, depth + 1);
                if (innerAt != inner.Length)
                {
                    throw Malformed($"a variant of the types {inner}");
                }
                return;
            case 'a':
                var length = UInt32();
                Align(AlignmentOf(at < signature.Length ? signature[at] : '\0'));
                Take(length);
                SkipType(signature, ref at, depth + 1);
                return;
            case '(':
                Align(8);
                while (at < signature.Length && signature[at] != ')')
                {
                    SkipOne(signature, ref at, depth + 1);
                }
                at++;
                return;
            default:
                var size = AlignmentOf(type);
                Align(size);
                Take(size);
                return;
        }
    }

    /// <summary>Moves over one type of a signature without reading a value.</summary>
    private static void SkipType(string signature, ref int at, int depth)
    {
        if (depth > MaxDepth || at >= signature.Length)
        {
            throw Malformed($"the signature {signature}");
        }
        switch (signature[at++])
        {
            case 'a':
                SkipType(signature, ref at, depth + 1);
                return;
            case '(' or '{':
                while (at < signature.Length && signature[at] is not (')' or '}'))
                {
                    SkipType(signature, ref at, depth + 1);
                }
                at++;
                return;
        }
    }

    private static int AlignmentOf(char type) => type switch
    {
        'y' or 'g' or 'v' => 1,
        'n' or 'q' => 2,
        'b' or 'i' or 'u' or 'h' or 's' or 'o' or 'a' => 4,
        'x' or 't' or 'd' or '(' or '{' => 8,
        _ => throw Malformed($"the type {(int)type}"),
    };

    private string Text(uint length)
    {
        var bytes = Take(length);
        if (Byte() != 0)
        {
            throw Malformed("text without its end");
        }
        return Encoding.UTF8.GetString(bytes);
    }

    private ReadOnlySpan<byte> Take(long count)
    {
        if (count > _data.Length - _position)
        {
            throw Malformed($"{count} bytes where {_data.Length - _position} are left");
        }
        var span = _data.Slice(_position, (int)count);
        _position += (int)count;
        return span;
    }

    public static FaultException Malformed(string what) => new(FaultKind.DataLoss, $"systemd: not a D-Bus message: {what}");
}
