namespace Gantry.Store.Sqlite.History;

/// <summary>
/// The commit times of revisions that follow each other, packed: a base and, for each revision, the milliseconds since the one
/// before as a LEB128 number. Times never decrease from one revision to the next.
/// </summary>
internal static class CommitTimeBlock
{
    /// <summary>Packs the times of revisions that follow each other; the first one's time is the block's base.</summary>
    public static byte[] Pack(ReadOnlySpan<CommitTime> times)
    {
        var packed = new List<byte>(times.Length + 8);
        var last = times[0].TimeMs;
        foreach (var time in times)
        {
            var delta = (ulong)(time.TimeMs - last);
            last = time.TimeMs;
            while (delta >= 0x80)
            {
                packed.Add((byte)(delta | 0x80));
                delta >>= 7;
            }

            packed.Add((byte)delta);
        }

        return [.. packed];
    }

    /// <summary>The times again.</summary>
    public static IEnumerable<CommitTime> Unpack(long firstRevision, long baseMs, byte[] packed)
    {
        var revision = firstRevision;
        var time = baseMs;
        for (var i = 0; i < packed.Length; revision++)
        {
            var shift = 0;
            ulong delta = 0;
            byte part;
            do
            {
                part = packed[i++];
                delta |= (ulong)(part & 0x7f) << shift;
                shift += 7;
            }
            while ((part & 0x80) != 0 && i < packed.Length);

            time += (long)delta;
            yield return new CommitTime(revision, time);
        }
    }
}
