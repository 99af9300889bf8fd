using System.Runtime.InteropServices;
using System.Text;

namespace Gantry.Linux.Netlink;

/// <summary>Handles one frame of a dump.</summary>
internal delegate void NetlinkFrameHandler(NetlinkFrame frame);

/// <summary>One received message: struct nlmsghdr and its payload.</summary>
internal readonly ref struct NetlinkFrame(ReadOnlySpan<byte> bytes)
{
    internal ushort Type { get; } = MemoryMarshal.Read<ushort>(bytes[4..]);

    internal ushort Flags { get; } = MemoryMarshal.Read<ushort>(bytes[6..]);

    internal uint Sequence { get; } = MemoryMarshal.Read<uint>(bytes[8..]);

    internal ReadOnlySpan<byte> Payload { get; } = bytes[16..];
}

/// <summary>The frames of one datagram.</summary>
internal ref struct NetlinkFrames(ReadOnlySpan<byte> rest)
{
    private ReadOnlySpan<byte> _rest = rest;

    public NetlinkFrame Current { get; private set; }

    public readonly NetlinkFrames GetEnumerator() => this;

    public bool MoveNext()
    {
        if (_rest.Length < 16)
        {
            return false;
        }

        int length = (int)MemoryMarshal.Read<uint>(_rest);
        if (length < 16 || length > _rest.Length)
        {
            return false;
        }

        Current = new NetlinkFrame(_rest[..length]);
        _rest = _rest[Math.Min((length + 3) & ~3, _rest.Length)..];
        return true;
    }
}

/// <summary>One attribute: struct nlattr without its flag bits, and its value.</summary>
internal readonly ref struct NetlinkAttribute(ushort type, ReadOnlySpan<byte> value)
{
    internal ushort Type { get; } = type;

    internal ReadOnlySpan<byte> Value { get; } = value;

    internal string Text => Encoding.UTF8.GetString(Value.TrimEnd((byte)0));

    internal uint UInt32 => MemoryMarshal.Read<uint>(Value);
}

/// <summary>The attributes of a message or of a nested attribute.</summary>
internal ref struct NetlinkAttributes(ReadOnlySpan<byte> rest)
{
    private ReadOnlySpan<byte> _rest = rest;

    public NetlinkAttribute Current { get; private set; }

    public readonly NetlinkAttributes GetEnumerator() => this;

    public bool MoveNext()
    {
        if (_rest.Length < 4)
        {
            return false;
        }

        int length = MemoryMarshal.Read<ushort>(_rest);
        if (length < 4 || length > _rest.Length)
        {
            return false;
        }

        ushort type = (ushort)(MemoryMarshal.Read<ushort>(_rest[2..]) & NetlinkConstants.NLA_TYPE_MASK);
        Current = new NetlinkAttribute(type, _rest[4..length]);
        _rest = _rest[Math.Min((length + 3) & ~3, _rest.Length)..];
        return true;
    }
}
