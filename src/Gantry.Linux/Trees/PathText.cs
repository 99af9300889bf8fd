using System.Buffers;
using System.Text;

namespace Gantry.Linux.Trees;

/// <summary>
/// File names as text, without loss: Linux names are bytes, mostly UTF-8. A byte that is not part of valid UTF-8 becomes the
/// lone surrogate U+DC00 + byte, which no valid text holds, and turns back into that byte (Python's "surrogateescape").
/// </summary>
public static class PathText
{
    private const int EscapeBase = 0xdc00;

    /// <summary>Bytes as text.</summary>
    public static string Decode(ReadOnlySpan<byte> bytes)
    {
        if (Ascii.IsValid(bytes))
        {
            return Encoding.ASCII.GetString(bytes);
        }
        var text = new StringBuilder(bytes.Length);
        Span<char> pair = stackalloc char[2];
        while (!bytes.IsEmpty)
        {
            if (Rune.DecodeFromUtf8(bytes, out var rune, out var consumed) == OperationStatus.Done)
            {
                text.Append(pair[..rune.EncodeToUtf16(pair)]);
                bytes = bytes[consumed..];
            }
            else
            {
                text.Append((char)(EscapeBase + bytes[0]));
                bytes = bytes[1..];
            }
        }
        return text.ToString();
    }

    /// <summary>Text as bytes.</summary>
    public static byte[] Encode(string text)
    {
        var bytes = new byte[GetMaxByteCount(text)];
        return bytes[..Encode(text, bytes)];
    }

    internal static int GetMaxByteCount(string text) => text.Length * 3;

    internal static int Encode(string text, Span<byte> bytes)
    {
        if (Ascii.FromUtf16(text, bytes, out var written) == OperationStatus.Done)
        {
            return written;
        }
        var rest = text.AsSpan();
        written = 0;
        while (!rest.IsEmpty)
        {
            if (Rune.DecodeFromUtf16(rest, out var rune, out var consumed) == OperationStatus.Done)
            {
                written += rune.EncodeToUtf8(bytes[written..]);
                rest = rest[consumed..];
                continue;
            }
            // A lone surrogate that is no escaped byte cannot come from a name; it is written as "?".
            bytes[written++] = rest[0] is >= (char)(EscapeBase + 0x80) and <= (char)(EscapeBase + 0xff) ? (byte)(rest[0] - EscapeBase) : (byte)'?';
            rest = rest[1..];
        }
        return written;
    }
}
