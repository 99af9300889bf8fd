using Gantry.Faults;
using SQLitePCL;

namespace Gantry.Store.Sqlite;

/// <summary>
/// One connection to a database file in WAL mode, where a commit is one fsync (synchronous=FULL). Used by one thread at a time.
/// Checkpoints are never a side effect of a commit: who writes makes them between two of its transactions.
/// </summary>
internal sealed class SqliteFile : IDisposable
{
    // Larger than SQLite's 4,096: three objects of 2 kB fit on a page instead of one, and a long log has fewer pages to copy.
    private const int PageSizeBytes = 8192;

    // What a log may keep on disk when all of it was copied: about what one step of applying commits writes.
    private const long WalLimitBytes = 64 << 20;

    // Other connections of this process hold locks for microseconds, and people look into the file with sqlite3.
    private const int BusyTimeoutMs = 5000;

    private readonly sqlite3 _database;

    private SqliteFile(string path, sqlite3 database)
    {
        Path = path;
        _database = database;
    }

    public string Path { get; }

    public bool InTransaction => raw.sqlite3_get_autocommit(_database) == 0;

    /// <summary>Opens a file, and creates it where <paramref name="create"/> says so.</summary>
    public static SqliteFile Open(string path, bool create = false, int cacheKib = 2048)
    {
        SqliteLibrary.EnsureLoaded();
        var flags = raw.SQLITE_OPEN_READWRITE | raw.SQLITE_OPEN_NOMUTEX | (create ? raw.SQLITE_OPEN_CREATE : 0);
        var code = raw.sqlite3_open_v2(path, out var database, flags, null);
        var file = new SqliteFile(path, database);
        try
        {
            file.Check(code);
            raw.sqlite3_extended_result_codes(database, 1);
            raw.sqlite3_busy_timeout(database, BusyTimeoutMs);
            // Both of these count only for a file that has no pages yet.
            file.Execute($"PRAGMA page_size={PageSizeBytes}; PRAGMA auto_vacuum=INCREMENTAL");
            file.Execute("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=0; PRAGMA temp_store=MEMORY");
            file.Execute($"PRAGMA cache_size=-{cacheKib}; PRAGMA journal_size_limit={WalLimitBytes}");
            return file;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Whether the last process that had the file open ended without closing it: its log is still there.</summary>
    public static bool WasLeftOpen(string path) => new FileInfo(path + "-wal") is { Exists: true, Length: > 0 };

    /// <summary>The bytes that a file and its log take on disk.</summary>
    public static long SizeOnDisk(string path) =>
        new[] { path, path + "-wal" }.Select(name => new FileInfo(name)).Where(file => file.Exists).Sum(file => file.Length);

    /// <summary>The bytes of pages that hold something.</summary>
    public long UsedBytes => (ReadNumber("PRAGMA page_count") - ReadNumber("PRAGMA freelist_count")) * ReadNumber("PRAGMA page_size");

    public SqliteStatement Prepare(string sql)
    {
        Check(raw.sqlite3_prepare_v2(_database, sql, out var statement));
        return new SqliteStatement(Path, _database, statement);
    }

    public void Execute(string sql)
    {
        var code = raw.sqlite3_exec(_database, sql);
        if (code != raw.SQLITE_OK)
        {
            throw SqliteFault.From(Path, raw.sqlite3_extended_errcode(_database) is var extended and not 0 ? extended : code, raw.sqlite3_errmsg(_database).utf8_to_string());
        }
    }

    /// <summary>The first column of the first row, or <paramref name="absent"/>.</summary>
    public long ReadNumber(string sql, long absent = 0)
    {
        using var statement = Prepare(sql);
        return statement.Step() ? statement.GetNumber(0) : absent;
    }

    public long ReadMeta(string name, long absent)
    {
        using var statement = Prepare("SELECT value FROM meta WHERE name = ?1");
        return statement.Bind(1, name).Step() ? statement.GetNumber(0) : absent;
    }

    /// <summary>Runs a change in one transaction.</summary>
    public void InOneTransaction(Action change)
    {
        Execute("BEGIN IMMEDIATE");
        try
        {
            change();
            Execute("COMMIT");
        }
        catch
        {
            Rollback();
            throw;
        }
    }

    /// <summary>Drops the open transaction, if there is one.</summary>
    public void Rollback()
    {
        if (InTransaction)
        {
            raw.sqlite3_exec(_database, "ROLLBACK");
        }
    }

    /// <summary>
    /// Copies the log into the file as far as readers allow, and gives the log's bytes and how many of them are copied. With
    /// <paramref name="truncate"/> it waits for readers, and the log is empty afterwards.
    /// </summary>
    public (long LogBytes, long CopiedBytes) Checkpoint(bool truncate)
    {
        var mode = truncate ? raw.SQLITE_CHECKPOINT_TRUNCATE : raw.SQLITE_CHECKPOINT_PASSIVE;
        var code = raw.sqlite3_wal_checkpoint_v2(_database, null, mode, out var frames, out var copied);
        if (code is not raw.SQLITE_OK && (truncate || (code & 0xff) != raw.SQLITE_BUSY))
        {
            throw SqliteFault.From(Path, code, raw.sqlite3_errmsg(_database).utf8_to_string());
        }

        return ((long)frames * PageSizeBytes, (long)copied * PageSizeBytes);
    }

    /// <summary>Reads every page and compares what the file says of itself. Throws DataLoss for what does not fit.</summary>
    public void CheckIntegrity()
    {
        using var statement = Prepare("PRAGMA integrity_check(5)");
        var findings = new List<string>();
        while (statement.Step())
        {
            findings.Add(statement.GetText(0));
        }

        if (findings is not ["ok"])
        {
            throw new FaultException(FaultKind.DataLoss, $"{Path} is damaged ({string.Join("; ", findings).ReplaceLineEndings(" ")}); restore it from a backup");
        }
    }

    /// <summary>Gives free pages back to the file system when they are many, a few at a time; false when nothing was to do.</summary>
    public bool ShrinkABit()
    {
        const int worthIt = 4096;
        var free = ReadNumber("PRAGMA freelist_count");
        if (free < worthIt || free * 4 < ReadNumber("PRAGMA page_count"))
        {
            return false;
        }

        Execute("PRAGMA incremental_vacuum(256)");
        return true;
    }

    /// <summary>Gives all free pages back to the file system.</summary>
    public void Shrink()
    {
        Execute("PRAGMA incremental_vacuum");
        Checkpoint(truncate: true);
    }

    public void Dispose() => _database.Dispose();

    private void Check(int code)
    {
        if (code != raw.SQLITE_OK)
        {
            throw SqliteFault.From(Path, code, raw.sqlite3_errmsg(_database).utf8_to_string());
        }
    }
}
