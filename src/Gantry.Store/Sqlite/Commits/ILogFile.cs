namespace Gantry.Store.Sqlite.Commits;

/// <summary>An open file of the commit log. Calls fail with an <see cref="IOException"/> or what the kernel's wrapper throws.</summary>
internal interface ILogFile : IDisposable
{
    long Length { get; }

    /// <summary>Reads from an offset until the span is full or the file ends, and gives how much that was.</summary>
    int Read(Span<byte> into, long offset);

    /// <summary>Writes all of it.</summary>
    void Write(ReadOnlySpan<byte> bytes, long offset);

    /// <summary>Waits until what was written is on the disk (fdatasync(2)).</summary>
    void Sync();
}
