namespace Gantry.Store.Tests.Disk;

/// <summary>
/// A file as the disk has it: the pages as of the last successful sync, and which pages were written since. A failed sync calls them clean
/// without having written them, as Linux does.
/// </summary>
internal sealed class DiskFile(FaultyDisk disk, string path)
{
    private const int PageBytes = 4096;
    private readonly SortedSet<long> _dirty = [];
    private byte[] _durable = File.Exists(path) ? File.ReadAllBytes(path) : [];

    public FaultyDisk Disk => disk;

    public string Path => path;

    public void Wrote(long offset, int count)
    {
        lock (_dirty)
        {
            for (var page = offset / PageBytes; page <= (offset + count - 1) / PageBytes; page++)
            {
                _dirty.Add(page);
            }
        }
    }

    public void Synced(bool durable)
    {
        lock (_dirty)
        {
            if (durable)
            {
                using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
                Array.Resize(ref _durable, (int)file.Length);
                foreach (var page in _dirty)
                {
                    Load(file, page, _durable);
                }
            }

            _dirty.Clear();
        }
    }

    /// <summary>Makes the file what a machine finds after its power was cut: of the unsynced pages any may have been written, or half of one.</summary>
    public void LosePower(Random random)
    {
        lock (_dirty)
        {
            var content = (byte[])_durable.Clone();
            if (File.Exists(path))
            {
                using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
                foreach (var page in _dirty.Where(_ => random.Next(3) == 0))
                {
                    var end = (int)Math.Min(file.Length, (page + 1) * PageBytes);
                    var before = (byte[])content.Clone();
                    Array.Resize(ref content, Math.Max(content.Length, end));
                    Load(file, page, content);
                    if (random.Next(4) == 0)
                    {
                        // Torn: the second half of the page is still the old one, or zeros.
                        var half = (int)(page * PageBytes) + (PageBytes / 2);
                        content.AsSpan(Math.Min(half, end)..end).Clear();
                        if (before.Length > half)
                        {
                            before.AsSpan(half..Math.Min(end, before.Length)).CopyTo(content.AsSpan(half));
                        }
                    }
                }
            }

            _dirty.Clear();
            _durable = content;
            File.WriteAllBytes(path, content);
        }
    }

    private static void Load(FileStream file, long page, byte[] into)
    {
        var from = (int)(page * PageBytes);
        if (from < into.Length)
        {
            file.Position = from;
            var part = into.AsSpan(from, Math.Min(PageBytes, into.Length - from));
            file.ReadAtLeast(part, part.Length, throwOnEndOfStream: false);
        }
    }
}
