using System.Globalization;
using System.Security.Cryptography;
using Gantry.Faults;

namespace Gantry.Store.Sqlite.Commits;

/// <summary>
/// The commits that are not in the store's file yet, in files beside it (cluster.db-log1, -log2, …), each synced before it counts. A segment is
/// used anew, or deleted, when the store's file has all that is in it. After a failure the segment is not written to again: the next
/// one says after which revision it begins, and what the other has beyond that never counts.
/// <para><see cref="Append"/> and <see cref="BeginAnew"/> are for one thread; <see cref="Release"/> for any.</para>
/// </summary>
internal sealed class CommitLog : IDisposable
{
    /// <summary>The most bytes of changes that share a frame, unless a single commit has more; bounds the time of a sync.</summary>
    public const int MostFrameBytes = 4 << 20;

    /// <summary>What one commit may have: what fits into one of SQLite's values, and a frame's length.</summary>
    public const int MostCommitBytes = 1_000_000_000;

    // Segments begin small, for stores that are written once an hour, and double up to what a second of load fills.
    private const int FirstBytes = 64 << 10;
    private const int MostBytes = 16 << 20;

    // Full segments that wait to be used anew: what the applying of one step frees.
    private const int MostSpares = 4;

    // In pieces of this size the page cache has it in pieces that a later sync of two pages need not write as a whole.
    private static readonly byte[] s_zeros = new byte[64 << 10];

    private readonly Lock _gate = new();

    // Held while files are removed, and by who reads them all meanwhile.
    private readonly Lock _removing = new();
    private readonly string _path;
    private readonly long _identity;
    private readonly ILogFiles _files;
    private readonly List<CommitSegment> _live = [];
    private readonly List<CommitSegment> _spares = [];
    private List<LoggedCommit> _commits = [];
    private CommitSegment? _current;
    private long _sequence;
    private int _lastNumber;
    private long _nextBytes = FirstBytes;
    private Task _preparing = Task.CompletedTask;
    private bool _closed;

    private CommitLog(string path, long identity, ILogFiles files)
    {
        _path = path;
        _identity = identity;
        _files = files;
    }


    /// <summary>The newest revision that the log knows to be forgotten by the window, and its time; 0 when it knows none.</summary>
    public (long Revision, long TimeMs) Compacted { get; private set; }

    /// <summary>The bytes of its files.</summary>
    public long SizeBytes
    {
        get
        {
            lock (_gate)
            {
                return _live.Concat(_spares).Sum(segment => segment.SizeBytes);
            }
        }
    }

    /// <summary>The bytes that hold what the store's file does not have.</summary>
    public long UsedBytes(long applied)
    {
        lock (_gate)
        {
            return _live.Where(segment => segment.Last > applied).Sum(segment => segment.UsedBytes);
        }
    }

    /// <summary>The files of a store's log.</summary>
    public static IReadOnlyList<string> FilesOf(string path) => [.. SystemLogFiles.Instance.Find(path, "-log*").Where(file => NumberOf(path, file) > 0)];

    /// <summary>Opens the log of a store whose own file has everything up to a revision. Throws DataLoss when what should follow is not there.</summary>
    public static CommitLog Open(string path, long identity, long applied, ILogFiles files)
    {
        var log = new CommitLog(path, identity, files);
        try
        {
            var readers = new List<(CommitSegmentReader Reader, CommitSegment Segment)>();
            foreach (var file in files.Find(path, "-log*").Where(file => NumberOf(path, file) > 0))
            {
                log._lastNumber = Math.Max(log._lastNumber, NumberOf(path, file));
                log.Load(file, readers);
            }

            readers.Sort((a, b) => a.Reader.Header.Sequence.CompareTo(b.Reader.Header.Sequence));
            log._live.AddRange(readers.Select(reader => reader.Segment));
            log.Join(readers, applied);
            return log;
        }
        catch
        {
            log.Dispose();
            throw;
        }
    }

    /// <summary>What the log held when it was opened, beyond the revision that was given. It does not keep them.</summary>
    public List<LoggedCommit> TakeCommits() => Interlocked.Exchange(ref _commits, []);

    /// <summary>Reads all again that the store's file does not have, and throws DataLoss when it does not reach to a revision. For the writing thread.</summary>
    public void Check(Func<long> hasApplied, long last)
    {
        lock (_removing)
        {
            // Only here: what was applied before is what may have been removed before.
            var applied = hasApplied();
            using var again = Open(_path, _identity, applied, _files);
            if (again.TakeCommits() is [.., var newest] ? newest.Revision != last : last > applied)
            {
                throw LogFault.Damage(_path, $"its log does not reach to revision {last}");
            }
        }
    }

    /// <summary>Makes a frame durable whose last commit has the given revision. Throws <see cref="LogFault"/>.</summary>
    public void Append(CommitFrame frame, long last)
    {
        var segment = _current is { } current && current.Fits(frame.Length) ? current : null;
        if (segment is not null)
        {
            try
            {
                segment.Append(frame);
            }
            catch (LogFault failure) when (!failure.LeavesNoDoubt)
            {
                _current = null;
                throw;
            }

            lock (_gate)
            {
                segment.Last = last;
            }
        }
        else
        {
            Begin(frame, last);
        }

        PrepareNext();
    }

    /// <summary>Goes on in another segment: what was in doubt is then known not to count.</summary>
    public void BeginAnew(CommitFrame frame, long last)
    {
        _current = null;
        Begin(frame, last);
    }

    /// <summary>The store's file durably has everything up to a revision.</summary>
    public void Release(long applied, bool keepSpares = true)
    {
        List<CommitSegment> unwanted = [];
        lock (_gate)
        {
            // The last one says where the log goes on, even when it has nothing else to say.
            var released = _live.SkipLast(1).Where(segment => segment.Last <= applied).ToList();
            foreach (var segment in released)
            {
                _live.Remove(segment);
                (keepSpares && segment.SizeBytes == MostBytes && _spares.Count < MostSpares ? _spares : unwanted).Add(segment);
            }

            if (!keepSpares)
            {
                unwanted.AddRange(_spares);
                _spares.Clear();
                _nextBytes = FirstBytes;
            }
        }

        unwanted.ForEach(Delete);
    }

    /// <summary>Deletes all of it: of a log that was being made when its maker was interrupted.</summary>
    public static void Discard(string path, ILogFiles files)
    {
        foreach (var file in files.Find(path, "-log*").Where(file => NumberOf(path, file) > 0))
        {
            LogFault.Guard("unlink", file, () => files.Delete(file));
        }
    }

    public void Dispose()
    {
        lock (_gate)
        {
            _closed = true;
        }

        _preparing.Wait();
        _live.ForEach(segment => segment.Dispose());
        _spares.ForEach(segment => segment.Dispose());
    }

    private static int NumberOf(string path, string file) =>
        int.TryParse(file.AsSpan(file.LastIndexOf("-log", StringComparison.Ordinal) + "-log".Length), NumberStyles.None, CultureInfo.InvariantCulture, out var number)
        && Path.GetFileName(file) == $"{Path.GetFileName(path)}-log{number.ToString(CultureInfo.InvariantCulture)}" ? number : 0;

    private void Load(string path, List<(CommitSegmentReader Reader, CommitSegment Segment)> readers)
    {
        ILogFile? file = null;
        try
        {
            byte[] bytes = [];
            LogFault.Guard("read", path, () =>
            {
                file = _files.Open(path);
                bytes = new byte[file.Length];
                if (file.Read(bytes, 0) < bytes.Length)
                {
                    throw new IOException("the file became shorter");
                }
            });
            var segment = new CommitSegment(path, file!);
            if (CommitSegmentHeader.Read(bytes, path) is not { } header)
            {
                // Made, but not begun.
                _spares.Add(segment);
                return;
            }

            if (header.Identity != _identity)
            {
                throw new FaultException(FaultKind.FailedPrecondition, $"{path} is the log of another store; move it away, or restore the file beside it that it belongs to");
            }

            var reader = new CommitSegmentReader(path, header, bytes);
            reader.Read();
            readers.Add((reader, segment));
        }
        catch
        {
            file?.Dispose();
            throw;
        }
    }

    // Puts the segments together: what one says of revisions after which a later one begins does not count.
    private void Join(List<(CommitSegmentReader Reader, CommitSegment Segment)> readers, long applied)
    {
        var reach = applied;
        foreach (var (reader, segment) in readers)
        {
            if (reader.Header.Follows > reach)
            {
                throw LogFault.Damage(reader.Path, $"it goes on after revision {reader.Header.Follows}, and revisions after {reach} are missing");
            }

            var counts = _commits.FindLastIndex(commit => commit.Revision <= reader.Header.Follows) + 1;
            _commits.RemoveRange(counts, _commits.Count - counts);
            _commits.AddRange(reader.Commits.Where(commit => commit.Revision > applied));
            reach = Math.Max(applied, reader.Last);
            segment.Last = reader.Last;
            _sequence = reader.Header.Sequence;
            if (reader.CompactedRevision > Compacted.Revision)
            {
                Compacted = (reader.CompactedRevision, reader.CompactedMs);
            }
        }
    }

    private void Begin(CommitFrame frame, long last)
    {
        var segment = TakeSpare(CommitSegment.HeaderBytes + frame.Length) ?? Make(CommitSegment.HeaderBytes + frame.Length);
        // The salt keeps what an earlier use left behind, and values that look like frames, from being taken for frames.
        var salt = BitConverter.ToUInt64(RandomNumberGenerator.GetBytes(sizeof(ulong)));
        try
        {
            segment.Begin(new CommitSegmentHeader(_identity, ++_sequence, salt, frame.Follows), frame);
        }
        catch (LogFault failure)
        {
            // Its header may be on the disk, and says that what earlier segments have after this revision does not count: so they get nothing more.
            _current = null;
            lock (_gate)
            {
                segment.Last = frame.Follows;
                (failure.LeavesNoDoubt ? _spares : _live).Add(segment);
            }

            throw;
        }

        lock (_gate)
        {
            segment.Last = last;
            _live.Add(segment);
        }

        _current = segment;
    }

    private CommitSegment? TakeSpare(int bytes)
    {
        lock (_gate)
        {
            var spare = _spares.Find(segment => segment.SizeBytes >= bytes);
            if (spare is not null)
            {
                _spares.Remove(spare);
            }

            return spare;
        }
    }

    // So that no commit waits for the room of the next segment being made.
    private void PrepareNext()
    {
        if (_current is { IsHalfFull: true } && _preparing.IsCompleted)
        {
            lock (_gate)
            {
                if (_spares.Count > 0 || _closed)
                {
                    return;
                }
            }

            _preparing = Task.Run(() =>
            {
                try
                {
                    var spare = Make(0);
                    lock (_gate)
                    {
                        _spares.Add(spare);
                    }
                }
                catch (LogFault)
                {
                    // The commit that needs it will try again, and say what is wrong.
                }
            });
        }
    }

    private CommitSegment Make(int bytes)
    {
        string path;
        long size;
        lock (_gate)
        {
            size = Math.Max(_nextBytes, (bytes + 4095L) & ~4095L);
            _nextBytes = Math.Min(MostBytes, 2 * _nextBytes);
            path = $"{_path}-log{(++_lastNumber).ToString(CultureInfo.InvariantCulture)}";
        }

        ILogFile? file = null;
        try
        {
            LogFault.Guard("create", path, () => file = _files.Create(path));
            for (var at = 0L; at < size; at += s_zeros.Length)
            {
                var from = at;
                LogFault.Guard("write", path, () => file!.Write(s_zeros.AsSpan(0, (int)Math.Min(s_zeros.Length, size - from)), from));
            }

            LogFault.Guard("fdatasync", path, () => file!.Sync());
            LogFault.Guard("fsync the directory of", path, () => _files.SyncDirectoryOf(path));
            return new CommitSegment(path, file!);
        }
        catch (LogFault)
        {
            file?.Dispose();
            Remove(path);
            throw;
        }
    }

    private void Delete(CommitSegment segment)
    {
        segment.Dispose();
        Remove(segment.Path);
    }

    private void Remove(string path)
    {
        try
        {
            lock (_removing)
            {
                LogFault.Guard("unlink", path, () => _files.Delete(path));
            }
        }
        catch (LogFault)
        {
            // It holds nothing that counts; the next start finds it and uses it anew.
        }
    }
}
