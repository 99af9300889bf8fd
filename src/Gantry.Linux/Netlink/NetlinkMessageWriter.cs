using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;

namespace Gantry.Linux.Netlink;

/// <summary>
/// Builds netlink messages one after another in one buffer, so that a whole set-up is one system call. All integers are
/// in host order (netlink(7)); attributes are padded to four bytes.
/// </summary>
internal sealed class NetlinkMessageWriter
{
    private const int HeaderSize = 16;
    private readonly List<string> _operations = [];
    private byte[] _buffer = new byte[1024];
    private int _length;
    private int _messageStart;

    /// <summary>What each message does and on what, in order: for error messages.</summary>
    internal IReadOnlyList<string> Operations => _operations;

    internal ReadOnlySpan<byte> Written => _buffer.AsSpan(0, _length);

    /// <summary>Starts a message; its sequence number is its index plus <paramref name="firstSequence"/>, set by <see cref="Stamp"/>.</summary>
    internal NetlinkMessageWriter Begin(string operation, ushort type, ushort flags, ReadOnlySpan<byte> familyHeader)
    {
        _messageStart = _length;
        _operations.Add(operation);
        Span<byte> header = Reserve(HeaderSize);
        MemoryMarshal.Write(header[4..], type);
        MemoryMarshal.Write(header[6..], flags);
        familyHeader.CopyTo(Reserve(familyHeader.Length));
        return this;
    }

    internal NetlinkMessageWriter Attribute(ushort type, ReadOnlySpan<byte> value)
    {
        Span<byte> attribute = Reserve(4 + value.Length);
        MemoryMarshal.Write(attribute, (ushort)(4 + value.Length));
        MemoryMarshal.Write(attribute[2..], type);
        value.CopyTo(attribute[4..]);
        return this;
    }

    internal NetlinkMessageWriter Attribute(ushort type, uint value)
    {
        Span<byte> bytes = stackalloc byte[4];
        MemoryMarshal.Write(bytes, value);
        return Attribute(type, bytes);
    }

    /// <summary>A zero-terminated string attribute.</summary>
    internal NetlinkMessageWriter Attribute(ushort type, string value) => Attribute(type, Encoding.ASCII.GetBytes(value + '\0'));

    /// <summary>Opens a nested attribute and returns its position for <see cref="EndNested"/>.</summary>
    internal int BeginNested(ushort type)
    {
        int start = _length;
        MemoryMarshal.Write(Reserve(4)[2..], type);
        return start;
    }

    internal NetlinkMessageWriter EndNested(int start)
    {
        MemoryMarshal.Write(_buffer.AsSpan(start), (ushort)(_length - start));
        return this;
    }

    /// <summary>Raw bytes inside a nested attribute (a family header of a nested message).</summary>
    internal NetlinkMessageWriter Raw(ReadOnlySpan<byte> value)
    {
        value.CopyTo(Reserve(value.Length));
        return this;
    }

    internal NetlinkMessageWriter End()
    {
        MemoryMarshal.Write(_buffer.AsSpan(_messageStart), (uint)(_length - _messageStart));
        return this;
    }

    /// <summary>Numbers the messages from <paramref name="firstSequence"/>.</summary>
    internal void Stamp(uint firstSequence)
    {
        int position = 0;
        while (position < _length)
        {
            MemoryMarshal.Write(_buffer.AsSpan(position + 8), firstSequence++);
            position += (int)((MemoryMarshal.Read<uint>(_buffer.AsSpan(position)) + 3) & ~3u);
        }
    }

    private Span<byte> Reserve(int size)
    {
        int padded = (size + 3) & ~3;
        if (_length + padded > _buffer.Length)
        {
            Array.Resize(ref _buffer, Math.Max(_buffer.Length * 2, _length + padded));
        }

        Span<byte> span = _buffer.AsSpan(_length, size);
        _length += padded;
        return span;
    }
}
