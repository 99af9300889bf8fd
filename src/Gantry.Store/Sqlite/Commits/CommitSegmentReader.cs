using System.Buffers.Binary;
using System.Text;

namespace Gantry.Store.Sqlite.Commits;

/// <summary>Reads the frames of one segment up to the first that is not valid, which is where its writer was interrupted.</summary>
internal sealed class CommitSegmentReader(string path, CommitSegmentHeader header, byte[] bytes)
{
    private int _at = CommitSegment.HeaderBytes;

    public string Path => path;

    public CommitSegmentHeader Header => header;

    public long CompactedRevision { get; private set; }

    public long CompactedMs { get; private set; }

    /// <summary>The newest revision in it, or the one before its first.</summary>
    public long Last { get; private set; } = header.Follows;

    public List<LoggedCommit> Commits { get; } = [];

    /// <summary>Reads all. Throws DataLoss where a frame is not valid though one after it is: that was durable when the other was written.</summary>
    public void Read()
    {
        while (IsValid(_at, out var length))
        {
            ReadFrame(bytes.AsSpan(_at, length));
            _at += length;
        }

        Span<byte> magic = stackalloc byte[sizeof(uint)];
        BinaryPrimitives.WriteUInt32LittleEndian(magic, CommitFrame.Magic);
        for (var from = _at + 1; from < bytes.Length && bytes.AsSpan(from).IndexOf(magic) is >= 0 and var found; from += found + 1)
        {
            if (IsValid(from + found, out _))
            {
                throw LogFault.Damage(path, $"what was written at byte {_at} cannot be read");
            }
        }
    }

    private bool IsValid(int at, out int length)
    {
        length = 0;
        var rest = bytes.AsSpan(at);
        if (rest.Length < CommitFrame.HeaderBytes || BinaryPrimitives.ReadUInt32LittleEndian(rest) != CommitFrame.Magic
            || BinaryPrimitives.ReadUInt32LittleEndian(rest[4..]) is var payload && payload > rest.Length - CommitFrame.HeaderBytes)
        {
            return false;
        }

        length = CommitFrame.HeaderBytes + (int)payload;
        return BinaryPrimitives.ReadUInt32LittleEndian(rest[CommitFrame.CrcOffset..]) == Checksum.OfFrame(header.Salt, rest[..length]);
    }

    private void ReadFrame(ReadOnlySpan<byte> frame)
    {
        if (BinaryPrimitives.ReadInt64LittleEndian(frame[16..]) is var follows && follows != Last)
        {
            throw LogFault.Damage(path, $"a frame follows revision {follows} where {Last} was the last");
        }

        CompactedRevision = BinaryPrimitives.ReadInt64LittleEndian(frame[24..]);
        CompactedMs = BinaryPrimitives.ReadInt64LittleEndian(frame[32..]);
        var commits = BinaryPrimitives.ReadInt32LittleEndian(frame[12..]);
        var rest = frame[CommitFrame.HeaderBytes..];
        for (; commits > 0; commits--)
        {
            ReadCommit(ref rest);
        }

        Last = Math.Max(Last, CompactedRevision);
    }

    private void ReadCommit(ref ReadOnlySpan<byte> rest)
    {
        var revision = BinaryPrimitives.ReadInt64LittleEndian(rest);
        var changes = new LoggedChange[BinaryPrimitives.ReadUInt16LittleEndian(rest[16..]) + 1];
        var time = BinaryPrimitives.ReadInt64LittleEndian(rest[8..]);
        rest = rest[18..];
        for (var i = 0; i < changes.Length; i++)
        {
            var keyBytes = BinaryPrimitives.ReadInt32LittleEndian(rest[10..]);
            var valueBytes = BinaryPrimitives.ReadInt32LittleEndian(rest[14..]);
            var value = valueBytes < 0 ? default(ReadOnlyMemory<byte>?) : rest.Slice(18 + keyBytes, valueBytes).ToArray();
            changes[i] = new LoggedChange(
                BinaryPrimitives.ReadUInt16LittleEndian(rest), Encoding.UTF8.GetString(rest.Slice(18, keyBytes)), value, BinaryPrimitives.ReadInt64LittleEndian(rest[2..]));
            rest = rest[(18 + keyBytes + Math.Max(0, valueBytes))..];
        }

        if (revision <= Last)
        {
            throw LogFault.Damage(path, $"revision {revision} comes after {Last}");
        }

        Last = revision;
        Commits.Add(new LoggedCommit(revision, time, changes));
    }
}
