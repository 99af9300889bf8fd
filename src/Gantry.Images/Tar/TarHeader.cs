using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using Gantry.Faults;
using Gantry.Linux.Trees;

namespace Gantry.Images.Tar;

/// <summary>The fields of a 512-byte tar header.</summary>
internal static class TarHeader
{
    private const int ChecksumOffset = 148;

    public static string Text(ReadOnlySpan<byte> field)
    {
        var end = field.IndexOf((byte)0);
        return PathText.Decode(end < 0 ? field : field[..end]);
    }

    public static string Name(ReadOnlySpan<byte> header)
    {
        var name = Text(header[..100]);
        // GNU headers ("ustar  ") use the prefix field for other things.
        var isPosix = header[257..263].SequenceEqual("ustar\0"u8);
        var prefix = isPosix ? Text(header[345..500]) : "";
        return prefix.Length == 0 ? name : $"{prefix}/{name}";
    }

    // Octal text, or base 256 when the first bit is set (GNU).
    public static long Number(ReadOnlySpan<byte> header, int offset, int length)
    {
        var field = header.Slice(offset, length);
        if ((field[0] & 0x80) != 0)
        {
            return Binary(field);
        }
        var value = 0L;
        foreach (var digit in field.Trim(" \0"u8))
        {
            if (digit is < (byte)'0' or > (byte)'7' || value >= 1L << 60)
            {
                throw new FaultException(FaultKind.InvalidArgument, "tar: a header holds an invalid number");
            }
            value = (value << 3) | (uint)(digit - '0');
        }
        return value;
    }

    public static void VerifyChecksum(ReadOnlySpan<byte> header)
    {
        var expected = Number(header, ChecksumOffset, 8);
        var (unsigned, signed) = (0L, 0L);
        for (var i = 0; i < header.Length; i++)
        {
            var value = i is >= ChecksumOffset and < ChecksumOffset + 8 ? (byte)' ' : header[i];
            unsigned += value;
            signed += (sbyte)value;
        }
        // Old archivers summed signed characters.
        if (expected != unsigned && expected != signed)
        {
            throw new FaultException(FaultKind.InvalidArgument, "tar: invalid tar header (its checksum does not match)");
        }
    }

    public static void WriteOctal(Span<byte> header, int offset, int length, long value)
    {
        var text = Convert.ToString(value, 8).PadLeft(length - 1, '0');
        Encoding.ASCII.GetBytes(text, header.Slice(offset, length - 1));
    }

    public static void WriteChecksum(Span<byte> header)
    {
        header.Slice(ChecksumOffset, 8).Fill((byte)' ');
        var sum = 0;
        foreach (var value in header)
        {
            sum += value;
        }
        Encoding.ASCII.GetBytes(Convert.ToString(sum, 8).PadLeft(6, '0'), header.Slice(ChecksumOffset, 6));
        header[ChecksumOffset + 6] = 0;
    }

    private static long Binary(ReadOnlySpan<byte> field)
    {
        // Two's complement, big-endian; the marker bit is not part of the number.
        var negative = (field[0] & 0x40) != 0;
        Span<byte> wide = stackalloc byte[8];
        wide.Fill(negative ? (byte)0xff : (byte)0);
        var tail = field.Length > 8 ? field[^8..] : field;
        tail.CopyTo(wide[^tail.Length..]);
        if (tail.Length == field.Length)
        {
            wide[8 - tail.Length] = (byte)(negative ? wide[8 - tail.Length] | 0x80 : wide[8 - tail.Length] & 0x7f);
        }
        return BinaryPrimitives.ReadInt64BigEndian(wide);
    }

    public static bool TryDecimal(string text, out long value) =>
        long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out value);
}
