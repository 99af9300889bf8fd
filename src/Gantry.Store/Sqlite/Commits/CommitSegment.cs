namespace Gantry.Store.Sqlite.Commits;

/// <summary>
/// A file of the log: a header and frames, in room that was written with zeros before. A sync of bytes that take the place of others is one
/// write to the disk; where a file grows, the file system syncs its own journal too, which takes twice as long.
/// </summary>
internal sealed class CommitSegment(string path, ILogFile file) : IDisposable
{
    public const int HeaderBytes = 64;

    private CommitSegmentHeader? _header;
    private long _end = HeaderBytes;

    public string Path => path;

    public long SizeBytes { get; } = file.Length;

    /// <summary>The newest revision in it that counts.</summary>
    public long Last { get; set; }

    /// <summary>The bytes of its frames.</summary>
    public long UsedBytes => _end;

    public bool Fits(int frameBytes) => SizeBytes - _end >= frameBytes;

    /// <summary>Whether it is time to think of the next one.</summary>
    public bool IsHalfFull => _end > SizeBytes / 2;

    /// <summary>Begins it (anew) with a frame. Whatever it held does not count any more.</summary>
    public void Begin(CommitSegmentHeader header, CommitFrame frame)
    {
        _header = header;
        _end = HeaderBytes;
        // Its last byte ends with the frame's, so that one write and one sync do for both.
        LogFault.Guard("write", path, () => file.Write(frame.SealWith(header), 0));
        LogFault.Guard("fdatasync", path, file.Sync);
        _end += frame.Length;
    }

    /// <summary>Adds a frame; it is durable when this returns.</summary>
    public void Append(CommitFrame frame)
    {
        LogFault.Guard("write", path, () => file.Write(frame.Seal(_header!.Salt), _end));
        LogFault.Guard("fdatasync", path, file.Sync);
        _end += frame.Length;
    }

    public void Dispose() => file.Dispose();
}
