using Gantry.Store.Sqlite.Commits;

namespace Gantry.Store.Tests.Disk;

/// <summary>The file system of a log of commits on a <see cref="FaultyDisk"/>, which is asked at every call.</summary>
internal sealed class FaultyLogFiles(FaultyDisk disk) : ILogFiles
{
    // errno(3)
    private const int InputOutput = 5;
    private const int NoSpace = 28;

    public IReadOnlyList<string> Find(string path, string suffix) => SystemLogFiles.Instance.Find(path, suffix);

    public ILogFile Open(string path)
    {
        Ask(DiskCall.Open, path);
        return new FaultyLogFile(this, disk.Open(path), SystemLogFiles.Instance.Open(path));
    }

    public ILogFile Create(string path)
    {
        Ask(DiskCall.Open, path);
        return new FaultyLogFile(this, disk.Open(path), SystemLogFiles.Instance.Create(path));
    }

    public void Delete(string path)
    {
        Ask(DiskCall.Delete, path);
        SystemLogFiles.Instance.Delete(path);
        disk.Deleted(path);
    }

    // Names are durable at once on this disk.
    public void SyncDirectoryOf(string path) => Ask(DiskCall.Sync, path);

    /// <summary>Throws when the call is to fail; <paramref name="half"/> of a write is done before that when it is torn, or when the disk gets full by it.</summary>
    public void Ask(DiskCall call, string path, Action? half = null)
    {
        if (disk.Ask(call, path, out var torn) is var code && code != 0)
        {
            if (torn || code == FaultyDisk.FullError)
            {
                half?.Invoke();
            }

            throw code == FaultyDisk.FullError ? new IOException("no space left", NoSpace) : new IOException("input/output error", InputOutput);
        }
    }

    private sealed class FaultyLogFile(FaultyLogFiles files, DiskFile tracked, ILogFile real) : ILogFile
    {
        public long Length => real.Length;

        public int Read(Span<byte> into, long offset)
        {
            files.Ask(DiskCall.Read, tracked.Path);
            return real.Read(into, offset);
        }

        public void Write(ReadOnlySpan<byte> bytes, long offset)
        {
            var half = bytes[..(bytes.Length / 2)].ToArray();
            files.Ask(DiskCall.Write, tracked.Path, half: () => Write(half));
            real.Write(bytes, offset);
            tracked.Wrote(offset, bytes.Length);

            void Write(byte[] part)
            {
                real.Write(part, offset);
                tracked.Wrote(offset, part.Length);
            }
        }

        public void Sync()
        {
            try
            {
                files.Ask(DiskCall.Sync, tracked.Path);
            }
            catch (IOException)
            {
                tracked.Synced(durable: false);
                throw;
            }

            tracked.Synced(durable: true);
        }

        public void Dispose() => real.Dispose();
    }
}
