namespace Gantry.Runtime.Tests.Systemd;

/// <summary>A call that the stand-in got.</summary>
internal sealed record BusCall(uint Serial, string Destination, string Path, string Type, string Member, List<object> Arguments)
{
    /// <summary>The first argument: the unit.</summary>
    public string Unit => (string)Arguments[0];

    /// <summary>The properties of StartTransientUnit or SetUnitProperties as "Name=text", in their order.</summary>
    public List<string> Properties =>
        [.. ((List<object>)Arguments[2]).Cast<object[]>().Select(static item => $"{item[0]}={WireReader.Text(item[1])}")];

    public string Property(string name) =>
        Properties.Single(item => item.StartsWith(name + "=", StringComparison.Ordinal))[(name.Length + 1)..];

    /// <summary>Reads a whole message, which must be a call.</summary>
    public static BusCall Parse(byte[] message)
    {
        var reader = new WireReader(message);
        var head = reader.ReadAll("yyyyuua(yv)");
        Assert.Equal((byte)'l', head[0]);
        Assert.Equal((byte)1, head[1]);
        Assert.Equal((byte)1, head[3]);
        var fields = ((List<object>)head[6]).Cast<object[]>().ToDictionary(static item => (byte)item[0], static item => item[1]);
        reader.Align(8);
        Assert.Equal(message.Length, reader.Position + (int)(uint)head[4]);
        // Alignment counts from the message's start, which is a multiple of 8 before the body's.
        var body = new WireReader(message[reader.Position..]);
        var arguments = body.ReadAll(fields.TryGetValue(8, out var signature) ? (string)signature : "");
        Assert.Equal((int)(uint)head[4], body.Position);
        return new BusCall(
            (uint)head[5], (string)fields.GetValueOrDefault((byte)6, ""), (string)fields.GetValueOrDefault((byte)1, ""),
            (string)fields.GetValueOrDefault((byte)2, ""), (string)fields[3], arguments);
    }
}
