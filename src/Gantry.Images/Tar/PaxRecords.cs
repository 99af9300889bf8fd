using System.Globalization;
using System.Text;
using Gantry.Faults;
using Gantry.Linux.Trees;

namespace Gantry.Images.Tar;

/// <summary>The records of a pax extended header: <c>length key=value\n</c> each.</summary>
internal sealed class PaxRecords
{
    public const string XattrPrefix = "SCHILY.xattr.";

    private readonly List<KeyValuePair<string, byte[]>> _xattrs = [];

    public string? Path { get; private set; }

    public string? LinkPath { get; private set; }

    public long? Size { get; private set; }

    public long? Uid { get; private set; }

    public long? Gid { get; private set; }

    public TreeTime? Modified { get; private set; }

    public bool IsSparse { get; private set; }

    public IReadOnlyList<KeyValuePair<string, byte[]>> Xattrs => _xattrs;

    public static PaxRecords Parse(ReadOnlySpan<byte> bytes)
    {
        var records = new PaxRecords();
        while (!bytes.IsEmpty)
        {
            var space = bytes.IndexOf((byte)' ');
            if (space is <= 0 or > 9
                || !int.TryParse(Encoding.ASCII.GetString(bytes[..space]), NumberStyles.None, CultureInfo.InvariantCulture, out var length)
                || length <= space + 1 || length > bytes.Length || bytes[length - 1] != '\n')
            {
                throw Invalid("a record's length is wrong");
            }
            var record = bytes[(space + 1)..(length - 1)];
            var equals = record.IndexOf((byte)'=');
            if (equals <= 0)
            {
                throw Invalid("a record has no key");
            }
            records.Add(Encoding.UTF8.GetString(record[..equals]), record[(equals + 1)..]);
            bytes = bytes[length..];
        }
        return records;
    }

    public static void Append(MemoryStream output, string key, ReadOnlySpan<byte> value)
    {
        var body = Encoding.UTF8.GetByteCount(key) + value.Length + 3;
        var length = body + 1;
        while (length != body + length.ToString(CultureInfo.InvariantCulture).Length)
        {
            length = body + length.ToString(CultureInfo.InvariantCulture).Length;
        }
        output.Write(Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{length} {key}=")));
        output.Write(value);
        output.WriteByte((byte)'\n');
    }

    private void Add(string key, ReadOnlySpan<byte> value)
    {
        if (key.StartsWith(XattrPrefix, StringComparison.Ordinal))
        {
            _xattrs.Add(new(key[XattrPrefix.Length..], value.ToArray()));
            return;
        }
        if (key.StartsWith("GNU.sparse.", StringComparison.Ordinal))
        {
            IsSparse = true;
            return;
        }
        if (value.IsEmpty)
        {
            return;
        }
        var text = PathText.Decode(value);
        switch (key)
        {
            case "path":
                Path = text;
                break;
            case "linkpath":
                LinkPath = text;
                break;
            case "size":
                Size = Number(text) is >= 0 and var size ? size : throw Invalid("a size is negative");
                break;
            case "uid":
                Uid = Number(text);
                break;
            case "gid":
                Gid = Number(text);
                break;
            case "mtime":
                Modified = Time(text);
                break;
        }
    }

    private static long Number(string text) =>
        TarHeader.TryDecimal(text, out var value) ? value : throw Invalid($"\"{text}\" is no number");

    private static TreeTime Time(string text)
    {
        var point = text.IndexOf('.', StringComparison.Ordinal);
        if (point < 0)
        {
            return new TreeTime(Number(text), 0);
        }
        var seconds = point == 0 || text[..point] == "-" ? 0 : Number(text[..point]);
        var fraction = text[(point + 1)..];
        if (fraction.Any(c => !char.IsAsciiDigit(c)))
        {
            throw Invalid($"\"{text}\" is no time");
        }
        var nanoseconds = (uint)Number(fraction.PadRight(9, '0')[..9]);
        return text[0] == '-' && nanoseconds > 0
            ? new TreeTime(seconds - 1, 1_000_000_000 - nanoseconds)
            : new TreeTime(seconds, nanoseconds);
    }

    private static FaultException Invalid(string reason) =>
        new(FaultKind.InvalidArgument, $"tar: an extended header is invalid: {reason}");
}
