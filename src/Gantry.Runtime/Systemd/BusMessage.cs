namespace Gantry.Runtime.Systemd;

/// <summary>One message of D-Bus: written with <see cref="Write"/>, read with <see cref="Parse"/>.</summary>
internal sealed record BusMessage
{
    public const byte MethodCall = 1;
    public const byte MethodReturn = 2;
    public const byte Error = 3;
    public const byte Signal = 4;

    /// <summary>What comes before the header fields, and the length of their array.</summary>
    public const int FixedHeaderSize = 16;

    /// <summary>Nothing that is asked for comes near it; the protocol allows 128 MiB.</summary>
    public const int MaxSize = 4 << 20;

    private const byte FieldPath = 1;
    private const byte FieldInterface = 2;
    private const byte FieldMember = 3;
    private const byte FieldErrorName = 4;
    private const byte FieldReplySerial = 5;
    private const byte FieldDestination = 6;
    private const byte FieldSender = 7;
    private const byte FieldSignature = 8;

    public byte Type { get; init; }

    public uint Serial { get; init; }

    public uint ReplySerial { get; init; }

    public string Path { get; init; } = "";

    public string Interface { get; init; } = "";

    public string Member { get; init; } = "";

    public string ErrorName { get; init; } = "";

    public string Sender { get; init; } = "";

    public string Destination { get; init; } = "";

    public string Signature { get; init; } = "";

    public ReadOnlyMemory<byte> Body { get; init; }

    public bool IsBigEndian { get; init; }

    /// <summary>A reader of the body; its signature must be the one that is expected.</summary>
    public BusReader ReadBody(string signature) =>
        Signature == signature
            ? new BusReader(Body.Span, IsBigEndian)
            : throw BusReader.Malformed($"{Member} with \"{Signature}\" instead of \"{signature}\"");

    public byte[] Write()
    {
        var writer = new BusWriter();
        writer.Byte((byte)'l');
        writer.Byte(Type);
        writer.Byte(0);
        writer.Byte(1);
        writer.UInt32((uint)Body.Length);
        writer.UInt32(Serial);
        writer.Array(8, () =>
        {
            Field(FieldPath, "o", Path);
            Field(FieldInterface, "s", Interface);
            Field(FieldMember, "s", Member);
            Field(FieldErrorName, "s", ErrorName);
            Field(FieldDestination, "s", Destination);
            Field(FieldSender, "s", Sender);
            Field(FieldSignature, "g", Signature);
            if (ReplySerial != 0)
            {
                writer.Align(8);
                writer.Byte(FieldReplySerial);
                writer.Signature("u");
                writer.UInt32(ReplySerial);
            }
        });
        writer.Align(8);
        writer.Raw(Body.Span);
        return writer.Written.ToArray();

        void Field(byte code, string type, string value)
        {
            if (value.Length == 0)
            {
                return;
            }
            writer.Align(8);
            writer.Byte(code);
            writer.Signature(type);
            if (type == "g")
            {
                writer.Signature(value);
            }
            else
            {
                writer.String(value);
            }
        }
    }

    /// <summary>The size of the message that begins so.</summary>
    public static int SizeOf(ReadOnlySpan<byte> fixedHeader)
    {
        var reader = new BusReader(fixedHeader, IsBig(fixedHeader));
        reader.Skip("yyy");
        if (reader.Byte() != 1)
        {
            throw BusReader.Malformed($"protocol version {fixedHeader[3]}");
        }
        long body = reader.UInt32();
        reader.UInt32();
        long fields = reader.UInt32();
        var size = FixedHeaderSize + ((fields + 7) / 8 * 8) + body;
        return size <= MaxSize ? (int)size : throw BusReader.Malformed($"{size} bytes, more than any answer has");
    }

    /// <summary>Reads a whole message.</summary>
    public static BusMessage Parse(byte[] data)
    {
        var isBig = IsBig(data);
        var reader = new BusReader(data, isBig);
        reader.Byte();
        var message = new BusMessage { Type = reader.Byte(), IsBigEndian = isBig };
        reader.Skip("yy");
        var bodyLength = reader.UInt32();
        message = message with { Serial = reader.UInt32() };
        var end = reader.UInt32() + FixedHeaderSize;
        while (reader.Position < end)
        {
            reader.Align(8);
            message = message.ReadField(ref reader);
        }
        if (reader.Position != end)
        {
            throw BusReader.Malformed("header fields that pass their end");
        }
        reader.Align(8);
        if (reader.Position + bodyLength != data.Length)
        {
            throw BusReader.Malformed("a body of another length");
        }
        return message with { Body = data.AsMemory(reader.Position) };
    }

    private BusMessage ReadField(ref BusReader reader)
    {
        var code = reader.Byte();
        var type = reader.Signature();
        var expected = code switch
        {
            FieldPath => "o",
            FieldReplySerial => "u",
            FieldSignature => "g",
            FieldInterface or FieldMember or FieldErrorName or FieldDestination or FieldSender => "s",
            _ => type,
        };
        if (type != expected)
        {
            throw BusReader.Malformed($"header field {code} of the type {type}");
        }
        switch (code)
        {
            case FieldPath: return this with { Path = reader.String() };
            case FieldInterface: return this with { Interface = reader.String() };
            case FieldMember: return this with { Member = reader.String() };
            case FieldErrorName: return this with { ErrorName = reader.String() };
            case FieldReplySerial: return this with { ReplySerial = reader.UInt32() };
            case FieldDestination: return this with { Destination = reader.String() };
            case FieldSender: return this with { Sender = reader.String() };
            case FieldSignature: return this with { Signature = reader.Signature() };
            default:
                // Fields of later versions are to be ignored.
                reader.Skip(type);
                return this;
        }
    }

    private static bool IsBig(ReadOnlySpan<byte> header) => header[0] switch
    {
        (byte)'l' => false,
        (byte)'B' => true,
        _ => throw BusReader.Malformed($"byte order {header[0]}"),
    };
}
