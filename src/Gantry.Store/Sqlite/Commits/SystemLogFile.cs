using Gantry.Linux.Native;
using Microsoft.Win32.SafeHandles;

namespace Gantry.Store.Sqlite.Commits;

/// <summary>A file of the real file system.</summary>
internal sealed class SystemLogFile(string path, FileMode mode) : ILogFile
{
    private readonly SafeFileHandle _handle = File.OpenHandle(path, mode, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete);

    public long Length => RandomAccess.GetLength(_handle);

    public int Read(Span<byte> into, long offset)
    {
        var count = 0;
        while (count < into.Length && RandomAccess.Read(_handle, into[count..], offset + count) is > 0 and var more)
        {
            count += more;
        }

        return count;
    }

    public void Write(ReadOnlySpan<byte> bytes, long offset) => RandomAccess.Write(_handle, bytes, offset);

    public void Sync() => Unistd.SyncData(_handle);

    public void Dispose() => _handle.Dispose();
}
