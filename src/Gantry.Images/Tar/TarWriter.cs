using System.Globalization;
using System.Text;
using Gantry.Faults;
using Gantry.Linux.Trees;

namespace Gantry.Images.Tar;

/// <summary>
/// Writes tar archives: ustar, with pax records only where ustar has no room. The output depends on the entries alone.
/// Times are cut to seconds. Does not own the stream.
/// </summary>
public sealed class TarWriter
{
    private const int BlockSize = 512;
    private const long MaxOctal7 = 0x1fffff;
    private const long MaxOctal11 = 0x1ffffffff;
    private static readonly byte[] s_zeros = new byte[2 * BlockSize];

    private readonly Stream _stream;
    private readonly byte[] _buffer = new byte[128 * 1024];

    /// <summary>Writes to a stream.</summary>
    public TarWriter(Stream stream) => _stream = stream;

    /// <summary>Writes an entry; a regular file's content is read from <paramref name="data"/> and must have the entry's size.</summary>
    public void Write(TarEntry entry, Stream? data = null)
    {
        var pax = Extensions(entry);
        if (pax.Length > 0)
        {
            WriteHeader(new TarEntry { Name = PaxName(entry.Name), Type = (TarEntryType)'x', Permissions = 0x1a4, SizeBytes = pax.Length });
            pax.WriteTo(_stream);
            Pad(pax.Length);
        }
        WriteHeader(entry);
        if (entry.SizeBytes > 0)
        {
            Copy(entry, data ?? throw new ArgumentNullException(nameof(data)));
        }
    }

    /// <summary>Writes a regular file from memory.</summary>
    public void WriteFile(string name, byte[] content, uint permissions = 0x1a4)
    {
        using var data = new MemoryStream(content);
        Write(new TarEntry { Name = name, Type = TarEntryType.Regular, Permissions = permissions, SizeBytes = content.Length }, data);
    }

    /// <summary>Ends the archive.</summary>
    public void Complete() => _stream.Write(s_zeros);

    private static MemoryStream Extensions(TarEntry entry)
    {
        var pax = new MemoryStream();
        if (NeedsPax(entry.Name, 100))
        {
            PaxRecords.Append(pax, "path", PathText.Encode(entry.Name));
        }
        if (NeedsPax(entry.LinkName, 100))
        {
            PaxRecords.Append(pax, "linkpath", PathText.Encode(entry.LinkName));
        }
        AppendNumber(pax, "size", entry.SizeBytes, MaxOctal11);
        AppendNumber(pax, "uid", entry.Uid, MaxOctal7);
        AppendNumber(pax, "gid", entry.Gid, MaxOctal7);
        AppendNumber(pax, "mtime", entry.Modified.Seconds, MaxOctal11);
        foreach (var (key, value) in entry.Xattrs.OrderBy(xattr => xattr.Key, StringComparer.Ordinal))
        {
            PaxRecords.Append(pax, PaxRecords.XattrPrefix + key, value);
        }
        return pax;
    }

    private static void AppendNumber(MemoryStream pax, string key, long value, long max)
    {
        if (value < 0 || value > max)
        {
            PaxRecords.Append(pax, key, Encoding.ASCII.GetBytes(value.ToString(CultureInfo.InvariantCulture)));
        }
    }

    private static bool NeedsPax(string text, int max) => text.Length > max || !Ascii.IsValid(text);

    private static string PaxName(string name)
    {
        var last = name.TrimEnd('/').Split('/')[^1];
        return "PaxHeaders.0/" + (NeedsPax(last, 80) ? "entry" : last);
    }

    private void WriteHeader(TarEntry entry)
    {
        Span<byte> header = stackalloc byte[BlockSize];
        header.Clear();
        WriteText(header[..100], entry.Name);
        TarHeader.WriteOctal(header, 100, 8, entry.Permissions);
        TarHeader.WriteOctal(header, 108, 8, entry.Uid > MaxOctal7 ? 0 : entry.Uid);
        TarHeader.WriteOctal(header, 116, 8, entry.Gid > MaxOctal7 ? 0 : entry.Gid);
        TarHeader.WriteOctal(header, 124, 12, entry.SizeBytes > MaxOctal11 ? 0 : entry.SizeBytes);
        TarHeader.WriteOctal(header, 136, 12, entry.Modified.Seconds is < 0 or > MaxOctal11 ? 0 : entry.Modified.Seconds);
        header[156] = (byte)entry.Type;
        WriteText(header.Slice(157, 100), entry.LinkName);
        "ustar\0"u8.CopyTo(header[257..]);
        "00"u8.CopyTo(header[263..]);
        TarHeader.WriteOctal(header, 329, 8, entry.Device.Major);
        TarHeader.WriteOctal(header, 337, 8, entry.Device.Minor);
        TarHeader.WriteChecksum(header);
        _stream.Write(header);
    }

    private static void WriteText(Span<byte> field, string text)
    {
        // A name that does not fit is in the pax records; the field then holds what old readers can show.
        var bytes = PathText.Encode(text);
        bytes.AsSpan(0, Math.Min(bytes.Length, field.Length)).CopyTo(field);
    }

    private void Copy(TarEntry entry, Stream data)
    {
        var remaining = entry.SizeBytes;
        while (remaining > 0)
        {
            var read = data.Read(_buffer, 0, (int)Math.Min(remaining, _buffer.Length));
            if (read == 0)
            {
                throw new FaultException(FaultKind.Conflict, $"{entry.Name}: the file became shorter while it was read");
            }
            _stream.Write(_buffer, 0, read);
            remaining -= read;
        }
        Pad(entry.SizeBytes);
    }

    private void Pad(long size) => _stream.Write(s_zeros, 0, (int)((BlockSize - (size % BlockSize)) % BlockSize));
}
