using System.Buffers.Binary;
using System.Text;

namespace Gantry.Store.Sqlite.Commits;

/// <summary>
/// Commits that become durable together, as bytes that are valid as a whole or not at all. Little-endian:
/// <code>
/// frame   u32 magic, u32 bytes after these 40, u32 crc, u32 commits, i64 the revision that it follows, i64 compacted revision, i64 its time
/// commit  i64 revision, i64 time, u16 changes - 1
/// change  u16 index, i64 create revision, i32 bytes of the key, i32 bytes of the value (-1: deleted), key, value
/// </code>
/// The crc is the CRC32C of the segment's salt and of everything but itself: what an earlier use of the same place left behind is not valid.
/// One buffer, used again and again by the one thread that writes.
/// </summary>
internal sealed class CommitFrame
{
    public const int HeaderBytes = 40;
    public const uint Magic = 0x4d524647;
    public const int CrcOffset = 8;

    // Room ahead of the frame, so that a segment's header can go in the same write.
    private const int AheadBytes = CommitSegment.HeaderBytes;

    // A buffer that one huge commit made large is not kept.
    private const int MostKeptBytes = 16 << 20;

    private byte[] _buffer = new byte[64 << 10];
    private int _end;
    private int _commits;
    private int _changesAt;
    private int _changes;

    /// <summary>How long the frame is.</summary>
    public int Length => _end - AheadBytes;

    public bool IsEmpty => _commits == 0;

    /// <summary>Begins a frame after a revision.</summary>
    public void Begin(long follows)
    {
        if (_buffer.Length > MostKeptBytes)
        {
            _buffer = new byte[64 << 10];
        }

        _end = AheadBytes + HeaderBytes;
        _commits = 0;
        BinaryPrimitives.WriteInt64LittleEndian(_buffer.AsSpan(AheadBytes + 16), follows);
    }

    public void BeginCommit(long revision, long committedMs)
    {
        var into = Reserve(18);
        BinaryPrimitives.WriteInt64LittleEndian(into, revision);
        BinaryPrimitives.WriteInt64LittleEndian(into[8..], committedMs);
        _changesAt = _end - 2;
        _changes = 0;
        _commits++;
    }

    public void Add(int index, string key, ReadOnlyMemory<byte>? value, long createRevision)
    {
        var keyBytes = Encoding.UTF8.GetByteCount(key);
        var into = Reserve(18 + keyBytes + (value?.Length ?? 0));
        BinaryPrimitives.WriteUInt16LittleEndian(into, (ushort)index);
        BinaryPrimitives.WriteInt64LittleEndian(into[2..], createRevision);
        BinaryPrimitives.WriteInt32LittleEndian(into[10..], keyBytes);
        BinaryPrimitives.WriteInt32LittleEndian(into[14..], value?.Length ?? -1);
        Encoding.UTF8.GetBytes(key, into[18..]);
        value?.Span.CopyTo(into[(18 + keyBytes)..]);
        BinaryPrimitives.WriteUInt16LittleEndian(_buffer.AsSpan(_changesAt), (ushort)_changes++);
    }

    /// <summary>Completes it with what the window has forgotten by then.</summary>
    public void End(long compactedRevision, long compactedMs)
    {
        var header = _buffer.AsSpan(AheadBytes);
        BinaryPrimitives.WriteUInt32LittleEndian(header, Magic);
        BinaryPrimitives.WriteInt32LittleEndian(header[4..], Length - HeaderBytes);
        BinaryPrimitives.WriteInt32LittleEndian(header[12..], _commits);
        BinaryPrimitives.WriteInt64LittleEndian(header[24..], compactedRevision);
        BinaryPrimitives.WriteInt64LittleEndian(header[32..], compactedMs);
    }

    /// <summary>The revision before its first one.</summary>
    public long Follows => BinaryPrimitives.ReadInt64LittleEndian(_buffer.AsSpan(AheadBytes + 16));

    /// <summary>The frame's bytes for a segment with this salt.</summary>
    public ReadOnlySpan<byte> Seal(ulong salt)
    {
        var frame = _buffer.AsSpan(AheadBytes, Length);
        BinaryPrimitives.WriteUInt32LittleEndian(frame[CrcOffset..], Checksum.OfFrame(salt, frame));
        return frame;
    }

    /// <summary>The same with a segment's header before it.</summary>
    public ReadOnlySpan<byte> SealWith(CommitSegmentHeader header)
    {
        Seal(header.Salt);
        header.Write(_buffer);
        return _buffer.AsSpan(0, _end);
    }

    private Span<byte> Reserve(int count)
    {
        if (_buffer.Length - _end < count)
        {
            Array.Resize(ref _buffer, (int)Math.Min(Array.MaxLength, Math.Max(2L * _buffer.Length, (long)_end + count)));
        }

        var reserved = _buffer.AsSpan(_end, count);
        _end += count;
        return reserved;
    }
}
