using Gantry.Faults;

namespace Gantry.Store.Sqlite;

/// <summary>
/// Copies a file's write-ahead log into the file, beside the commits: SQLite would do it inside one of them. A writer that never
/// pauses would keep the log from ever starting anew, so beyond <see cref="WalLimitBytes"/> the writer itself copies
/// the little that is left, when the log has been copied up to that.
/// </summary>
internal sealed class Checkpointer(string path) : IDisposable
{
    /// <summary>How long the log may become before a commit waits for it. Seconds of full load on a usual disk.</summary>
    public const long WalLimitBytes = 64 << 20;

    // How much is worth the two fsyncs of a checkpoint.
    private const long StepBytes = 24 << 20;

    // How much of the log is there before it is written to; then twice as much, and so on.
    private const long FirstBytes = 1 << 20;
    private const long MostPreparedBytes = 32 << 20;

    // What the writer may copy itself between two commits: a few milliseconds' worth.
    private const long LittleBytes = 512 << 10;
    private const int MostPasses = 6;

    private static readonly byte[] s_zeros = new byte[1 << 20];

    private readonly Lock _gate = new();
    private SqliteFile? _file;
    private long _written;
    private long _writtenInAll;
    private long _prepared;
    private bool _closed;
    private int _running;
    private volatile bool _logIsLong;

    /// <summary>Whether the writer should do a checkpoint between two commits: the log is long, and almost all of it is copied.</summary>
    public bool WriterShouldHelp => _logIsLong && Volatile.Read(ref _running) == 0;

    /// <summary>Tells how much was written to the log, about. Called by the writer.</summary>
    public void Wrote(long bytes)
    {
        _written += bytes;
        _writtenInAll += bytes;
        if (_written >= StepBytes && Interlocked.CompareExchange(ref _running, 1, 0) == 0)
        {
            _written = 0;
            _ = Task.Run(Run);
        }
    }

    /// <summary>
    /// Writes zeros where the log will be. A sync of bytes that take the place of others is one write to the disk; where a file grows, the file system
    /// syncs its own journal too, which takes twice as long. Called by the writer: nobody else may write to the log meanwhile.
    /// </summary>
    public void Prepare()
    {
        if (!ShouldPrepare)
        {
            return;
        }

        try
        {
            _prepared = Math.Max(FirstBytes, 2 * _prepared);
            using var log = new FileStream(path + "-wal", FileMode.Open, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0);
            log.Position = log.Length;
            while (log.Position < _prepared)
            {
                log.Write(s_zeros.AsSpan(0, (int)Math.Min(s_zeros.Length, _prepared - log.Position)));
            }
        }
        catch (IOException)
        {
            // No room, or no log: the commits will say what is wrong, and are right without this.
            _prepared = MostPreparedBytes;
        }
    }

    /// <summary>Whether <see cref="Prepare"/> has something to do.</summary>
    public bool ShouldPrepare => _prepared < MostPreparedBytes && _writtenInAll >= _prepared / 2;

    /// <summary>The log was emptied and begins anew.</summary>
    public void Forget() => _prepared = _writtenInAll = 0;

    /// <summary>The writer has done the rest.</summary>
    public void Helped() => _logIsLong = false;

    /// <summary>Closes the connection and waits for what is under way. Called before the file is opened anew.</summary>
    public void Release()
    {
        lock (_gate)
        {
            _file?.Dispose();
            _file = null;
        }
    }

    public void Dispose()
    {
        lock (_gate)
        {
            _closed = true;
            _file?.Dispose();
        }
    }

    private void Run()
    {
        try
        {
            lock (_gate)
            {
                if (!_closed)
                {
                    _file ??= SqliteFile.Open(path, cacheKib: 64);
                    Copy(_file);
                }
            }
        }
        catch (FaultException)
        {
            // The log keeps what could not be copied; a disk that stays full or broken is reported by the commits.
            Release();
        }
        finally
        {
            Volatile.Write(ref _running, 0);
        }
    }

    private void Copy(SqliteFile file)
    {
        var (log, copied) = file.Checkpoint(truncate: false);
        // While one pass copies, commits go on; each further one has less to do, until the writer can do the rest.
        for (var passes = 1; log > WalLimitBytes && passes < MostPasses; passes++)
        {
            var before = copied;
            (log, copied) = file.Checkpoint(truncate: false);
            if (copied - before < LittleBytes)
            {
                break;
            }
        }

        _logIsLong = log > WalLimitBytes;
    }
}
