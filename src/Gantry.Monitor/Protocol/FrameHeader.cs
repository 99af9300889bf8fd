using System.Buffers.Binary;

namespace Gantry.Monitor.Protocol;

/// <summary>
/// The 12 bytes before each payload, little endian: u32 payload length, u8 type, u8 stream, u16 zero, u32 request id.
/// </summary>
/// <param name="Length">Payload bytes, at most <see cref="MaxPayload"/>.</param>
/// <param name="Type">The frame's type.</param>
/// <param name="Stream">The stream of <see cref="FrameType.Output"/>.</param>
/// <param name="Id">Pairs a request with its answer.</param>
public readonly record struct FrameHeader(int Length, FrameType Type, StdStream Stream, uint Id)
{
    /// <summary>Bytes of a header.</summary>
    public const int Size = 12;

    /// <summary>Largest payload: an exec's process object of 1 MiB with its members.</summary>
    public const int MaxPayload = (1 << 20) + 4096;

    /// <summary>Writes the header to the start of <paramref name="target"/>.</summary>
    public void Write(Span<byte> target)
    {
        BinaryPrimitives.WriteInt32LittleEndian(target, Length);
        target[4] = (byte)Type;
        target[5] = (byte)Stream;
        target[6] = 0;
        target[7] = 0;
        BinaryPrimitives.WriteUInt32LittleEndian(target[8..], Id);
    }

    /// <summary>Reads a header; false when its length is out of range.</summary>
    public static bool TryRead(ReadOnlySpan<byte> source, out FrameHeader header)
    {
        header = new FrameHeader(
            BinaryPrimitives.ReadInt32LittleEndian(source),
            (FrameType)source[4],
            (StdStream)source[5],
            BinaryPrimitives.ReadUInt32LittleEndian(source[8..]));
        return header.Length is >= 0 and <= MaxPayload;
    }
}
