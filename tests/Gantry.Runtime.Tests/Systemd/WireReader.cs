using System.Buffers.Binary;
using System.Globalization;
using System.Text;

namespace Gantry.Runtime.Tests.Systemd;

/// <summary>Reads D-Bus values by their signature, for the stand-in: written apart from the runtime's own code, to find its errors.</summary>
internal sealed class WireReader(byte[] data)
{
    private int _at;

    public int Position => _at;

    public void Align(int size) => _at = (_at + size - 1) / size * size;

    /// <summary>One value of each type.</summary>
    public List<object> ReadAll(string signature)
    {
        List<object> values = [];
        var at = 0;
        while (at < signature.Length)
        {
            values.Add(Read(signature, ref at));
        }
        return values;
    }

    /// <summary>A value as text: lists in brackets, structures in parentheses.</summary>
    public static string Text(object value) => value switch
    {
        bool flag => flag ? "true" : "false",
        List<object> list => $"[{string.Join(", ", list.Select(Text))}]",
        object[] members => $"({string.Join(", ", members.Select(Text))})",
        _ => Convert.ToString(value, CultureInfo.InvariantCulture)!,
    };

    private object Read(string signature, ref int at)
    {
        var type = signature[at++];
        switch (type)
        {
            case 'y': return data[_at++];
            case 'b': return Number(4) != 0;
            case 'n': return (short)Number(2);
            case 'q': return (ushort)Number(2);
            case 'i': return (int)Number(4);
            case 'u': return (uint)Number(4);
            case 'x': return (long)Number(8);
            case 't': return Number(8);
            case 'd': return BitConverter.UInt64BitsToDouble(Number(8));
            case 's' or 'o': return TextOf((int)Number(4));
            case 'g': return TextOf(data[_at++]);
            case 'v':
                var inner = TextOf(data[_at++]);
                var innerAt = 0;
                return Read(inner, ref innerAt);
            case 'a': return ReadArray(signature, ref at);
            case '(': return ReadStructure(signature, ref at);
            default: throw new InvalidDataException($"type {type} of {signature}");
        }
    }

    private List<object> ReadArray(string signature, ref int at)
    {
        List<object> items = [];
        var length = (int)Number(4);
        Align(signature[at] is '(' or 't' or 'x' or 'd' ? 8 : 1);
        var end = _at + length;
        var start = at;
        while (_at < end)
        {
            at = start;
            items.Add(Read(signature, ref at));
        }
        at = start + TypeLength(signature, start);
        return _at == end ? items : throw new InvalidDataException("an array that passes its end");
    }

    private object[] ReadStructure(string signature, ref int at)
    {
        Align(8);
        List<object> members = [];
        while (signature[at] != ')')
        {
            members.Add(Read(signature, ref at));
        }
        at++;
        return [.. members];
    }

    private static int TypeLength(string signature, int at)
    {
        if (signature[at] == 'a')
        {
            return 1 + TypeLength(signature, at + 1);
        }
        if (signature[at] != '(')
        {
            return 1;
        }
        var depth = 0;
        var start = at;
        do
        {
            depth += signature[at] == '(' ? 1 : signature[at] == ')' ? -1 : 0;
            at++;
        }
        while (depth > 0);
        return at - start;
    }

    private ulong Number(int size)
    {
        Align(size);
        var span = data.AsSpan(_at, size);
        _at += size;
        return size switch
        {
            2 => BinaryPrimitives.ReadUInt16LittleEndian(span),
            4 => BinaryPrimitives.ReadUInt32LittleEndian(span),
            _ => BinaryPrimitives.ReadUInt64LittleEndian(span),
        };
    }

    private string TextOf(int length)
    {
        var text = Encoding.UTF8.GetString(data, _at, length);
        _at += length + 1;
        return data[_at - 1] == 0 ? text : throw new InvalidDataException("text without its end");
    }
}
