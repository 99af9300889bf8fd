using System.Numerics;
using System.Runtime.InteropServices;

namespace Gantry.Store.Sqlite.Commits;

/// <summary>CRC32C (RFC 3720), which processors compute themselves.</summary>
internal static class Checksum
{
    public static uint Of(ulong salt, ReadOnlySpan<byte> bytes) => ~Add(BitOperations.Crc32C(~0u, salt), bytes);

    /// <summary>A frame's checksum: all but the four bytes in which it is kept.</summary>
    public static uint OfFrame(ulong salt, ReadOnlySpan<byte> frame) =>
        ~Add(Add(BitOperations.Crc32C(~0u, salt), frame[..CommitFrame.CrcOffset]), frame[(CommitFrame.CrcOffset + 4)..]);

    private static uint Add(uint crc, ReadOnlySpan<byte> bytes)
    {
        var words = MemoryMarshal.Cast<byte, ulong>(bytes);
        foreach (var word in words)
        {
            crc = BitOperations.Crc32C(crc, word);
        }

        foreach (var rest in bytes[(words.Length * sizeof(ulong))..])
        {
            crc = BitOperations.Crc32C(crc, rest);
        }

        return crc;
    }
}
