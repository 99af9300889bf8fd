using System.Buffers.Binary;
using Gantry.Faults;

namespace Gantry.Store.Sqlite.Commits;

/// <summary>
/// The first 64 bytes of a segment: u64 magic, u32 format, u32 crc of the others, i64 the store's identity, i64 sequence, u64 salt, i64 the
/// revision that its first frame follows, zeros. What earlier segments say of later revisions does not count.
/// </summary>
internal sealed record CommitSegmentHeader(long Identity, long Sequence, ulong Salt, long Follows)
{
    private const ulong Magic = 0x474f4c5452414e47;
    private const uint Format = 1;
    private const int CrcOffset = 12;

    public void Write(Span<byte> into)
    {
        into[..CommitSegment.HeaderBytes].Clear();
        BinaryPrimitives.WriteUInt64LittleEndian(into, Magic);
        BinaryPrimitives.WriteUInt32LittleEndian(into[8..], Format);
        BinaryPrimitives.WriteInt64LittleEndian(into[16..], Identity);
        BinaryPrimitives.WriteInt64LittleEndian(into[24..], Sequence);
        BinaryPrimitives.WriteUInt64LittleEndian(into[32..], Salt);
        BinaryPrimitives.WriteInt64LittleEndian(into[40..], Follows);
        BinaryPrimitives.WriteUInt32LittleEndian(into[CrcOffset..], Crc(into));
    }

    /// <summary>The header, or null where none was completely written: then nothing that counts follows it.</summary>
    public static CommitSegmentHeader? Read(ReadOnlySpan<byte> bytes, string path)
    {
        if (bytes.Length < CommitSegment.HeaderBytes || BinaryPrimitives.ReadUInt64LittleEndian(bytes) != Magic
            || BinaryPrimitives.ReadUInt32LittleEndian(bytes[CrcOffset..]) != Crc(bytes))
        {
            return null;
        }

        if (BinaryPrimitives.ReadUInt32LittleEndian(bytes[8..]) is > Format and var format)
        {
            throw new FaultException(FaultKind.FailedPrecondition, $"{path} has format {format}, written by a newer gantryd; start that one, or restore a backup of this one");
        }

        return new CommitSegmentHeader(
            BinaryPrimitives.ReadInt64LittleEndian(bytes[16..]), BinaryPrimitives.ReadInt64LittleEndian(bytes[24..]),
            BinaryPrimitives.ReadUInt64LittleEndian(bytes[32..]), BinaryPrimitives.ReadInt64LittleEndian(bytes[40..]));
    }

    private static uint Crc(ReadOnlySpan<byte> bytes) => Checksum.Of(BinaryPrimitives.ReadUInt32LittleEndian(bytes[8..]), bytes[16..CommitSegment.HeaderBytes]);
}
