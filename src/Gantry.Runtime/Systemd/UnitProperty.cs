namespace Gantry.Runtime.Systemd;

/// <summary>
/// One property of a unit as it goes over the bus: a name and a variant. <paramref name="Value"/> is a bool, byte, short,
/// ushort, int, uint, long, ulong, double or string as the signature says; byte[] for "ay", a list of those for other arrays,
/// and a list of pairs of texts for "a(ss)" or of a text and a number for "a(st)".
/// </summary>
internal sealed record UnitProperty(string Name, string Signature, object Value)
{
    public static UnitProperty Of(string name, bool value) => new(name, "b", value);

    public static UnitProperty Of(string name, ulong value) => new(name, "t", value);

    public static UnitProperty Of(string name, string value) => new(name, "s", value);

    /// <summary>Writes "(sv)".</summary>
    public void Write(BusWriter writer)
    {
        writer.Align(8);
        writer.String(Name);
        writer.Signature(Signature);
        WriteValue(writer, Signature, Value);
    }

    private static void WriteValue(BusWriter writer, string signature, object value)
    {
        switch (value)
        {
            case byte[] bytes:
                writer.Array(1, () => writer.Raw(bytes));
                return;
            case IReadOnlyList<(string, string)> pairs:
                writer.Array(8, () =>
                {
                    foreach (var (first, second) in pairs)
                    {
                        writer.Align(8);
                        writer.String(first);
                        writer.String(second);
                    }
                });
                return;
            case IReadOnlyList<(string, ulong)> pairs:
                writer.Array(8, () =>
                {
                    foreach (var (first, second) in pairs)
                    {
                        writer.Align(8);
                        writer.String(first);
                        writer.UInt64(second);
                    }
                });
                return;
            case IReadOnlyList<object> list:
                writer.Array(signature[1] is 'x' or 't' or 'd' ? 8 : 1, () =>
                {
                    foreach (var item in list)
                    {
                        WriteValue(writer, signature[1..], item);
                    }
                });
                return;
            default:
                WriteBasic(writer, signature, value);
                return;
        }
    }

    private static void WriteBasic(BusWriter writer, string signature, object value)
    {
        switch (value)
        {
            case bool flag: writer.Bool(flag); return;
            case byte number: writer.Byte(number); return;
            case short number: writer.UInt16((ushort)number); return;
            case ushort number: writer.UInt16(number); return;
            case int number: writer.UInt32((uint)number); return;
            case uint number: writer.UInt32(number); return;
            case long number: writer.UInt64((ulong)number); return;
            case ulong number: writer.UInt64(number); return;
            case double number: writer.UInt64(BitConverter.DoubleToUInt64Bits(number)); return;
            case string text when signature == "g": writer.Signature(text); return;
            case string text: writer.String(text); return;
            default: throw new ArgumentException($"a value of {value.GetType()}", nameof(value));
        }
    }
}
