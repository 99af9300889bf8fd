using System.Globalization;
using Gantry.Faults;
using SQLitePCL;

namespace Gantry.Store.Sqlite;

/// <summary>
/// The store's file: one row a change, in revision order. Used by one thread at a time. A row's id is
/// <c>revision * 1024 + index in the commit</c>, so appending is always at the end of the table's B-tree.
/// </summary>
internal sealed class SqliteLog : IDisposable
{
    /// <summary>The most operations one commit may have; the row id keeps ten bits for them.</summary>
    public const int MaxOperations = 1024;

    private const int FormatVersion = 1;
    private readonly string _path;
    private readonly sqlite3 _database;
    private readonly sqlite3_stmt _begin;
    private readonly sqlite3_stmt _commit;
    private readonly sqlite3_stmt _insert;
    private readonly sqlite3_stmt _delete;
    private readonly sqlite3_stmt _setMeta;

    private SqliteLog(string path, sqlite3 database)
    {
        _path = path;
        _database = database;
        _begin = Prepare("BEGIN IMMEDIATE");
        _commit = Prepare("COMMIT");
        _insert = Prepare("INSERT INTO log (id, key, value, created) VALUES (?1, ?2, ?3, ?4)");
        _delete = Prepare("DELETE FROM log WHERE id = ?1");
        _setMeta = Prepare("INSERT INTO meta (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = ?2");
    }

    /// <summary>A row as it was read back: <c>Value</c> null is a deletion.</summary>
    public readonly record struct Row(long Id, string Key, byte[]? Value, long CreateRevision)
    {
        public long Revision => Id / MaxOperations;
    }

    /// <summary>
    /// Opens or creates the file and takes it for this process. Fails with FailedPrecondition when another process has it
    /// or a newer version wrote it, and with DataLoss when SQLite's check finds damage.
    /// </summary>
    public static SqliteLog Open(string path)
    {
        SqliteLibrary.EnsureLoaded();
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        var flags = raw.SQLITE_OPEN_READWRITE | raw.SQLITE_OPEN_CREATE | raw.SQLITE_OPEN_NOMUTEX;
        var code = raw.sqlite3_open_v2(path, out var database, flags, null);
        if (code != raw.SQLITE_OK)
        {
            throw new FaultException(FaultKind.Unavailable, $"open {path}: {raw.sqlite3_errstr(code).utf8_to_string()}");
        }

        try
        {
            Prepare(path, database);
            return new SqliteLog(path, database);
        }
        catch
        {
            database.Dispose();
            throw;
        }
    }

    public long ReadMeta(string name, long absent)
    {
        using var statement = Prepare("SELECT value FROM meta WHERE name = ?1");
        Check(raw.sqlite3_bind_text(statement, 1, name));
        return raw.sqlite3_step(statement) == raw.SQLITE_ROW ? raw.sqlite3_column_int64(statement, 0) : absent;
    }

    public IEnumerable<Row> ReadAll()
    {
        using var statement = Prepare("SELECT id, key, value, created FROM log ORDER BY id");
        int code;
        while ((code = raw.sqlite3_step(statement)) == raw.SQLITE_ROW)
        {
            var value = raw.sqlite3_column_type(statement, 2) == raw.SQLITE_NULL
                ? null
                : raw.sqlite3_column_blob(statement, 2).ToArray();
            yield return new Row(
                raw.sqlite3_column_int64(statement, 0),
                raw.sqlite3_column_text(statement, 1).utf8_to_string(),
                value,
                raw.sqlite3_column_int64(statement, 3));
        }

        if (code != raw.SQLITE_DONE)
        {
            Check(code);
        }
    }

    public void Begin() => Step(_begin);

    /// <summary>Makes the transaction durable: in WAL mode with synchronous=FULL this is one fsync.</summary>
    public void Commit() => Step(_commit);

    /// <summary>Drops the open transaction, if there is one.</summary>
    public void Rollback()
    {
        if (raw.sqlite3_get_autocommit(_database) == 0)
        {
            raw.sqlite3_exec(_database, "ROLLBACK");
        }
    }

    public void Append(long id, string key, ReadOnlyMemory<byte>? value, long createRevision)
    {
        Check(raw.sqlite3_bind_int64(_insert, 1, id));
        Check(raw.sqlite3_bind_text(_insert, 2, key));
        Check(value is { } bytes ? BindBlob(bytes.Span) : raw.sqlite3_bind_null(_insert, 3));
        Check(raw.sqlite3_bind_int64(_insert, 4, createRevision));
        Step(_insert);
    }

    public void Delete(long id)
    {
        Check(raw.sqlite3_bind_int64(_delete, 1, id));
        Step(_delete);
    }

    public void WriteMeta(string name, long value)
    {
        Check(raw.sqlite3_bind_text(_setMeta, 1, name));
        Check(raw.sqlite3_bind_int64(_setMeta, 2, value));
        Step(_setMeta);
    }

    public void Dispose()
    {
        foreach (var statement in new[] { _begin, _commit, _insert, _delete, _setMeta })
        {
            statement.Dispose();
        }

        _database.Dispose();
    }

    private static void Prepare(string path, sqlite3 database)
    {
        // EXCLUSIVE keeps the lock for the life of the connection: a second process cannot open the same root by mistake.
        Execute(path, database, "PRAGMA locking_mode=EXCLUSIVE");
        Execute(path, database, "PRAGMA journal_mode=WAL");
        Execute(path, database, "PRAGMA synchronous=FULL");
        Execute(path, database, "BEGIN IMMEDIATE");
        Execute(path, database, "CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID");
        Execute(path, database, "CREATE TABLE IF NOT EXISTS log (id INTEGER PRIMARY KEY, key TEXT NOT NULL, value BLOB, created INTEGER NOT NULL)");
        Execute(path, database, $"INSERT OR IGNORE INTO meta (name, value) VALUES ('format', {FormatVersion})");
        Execute(path, database, "COMMIT");
        raw.sqlite3_prepare_v2(database, "SELECT value FROM meta WHERE name = 'format'", out var statement);
        using (statement)
        {
            if (raw.sqlite3_step(statement) != raw.SQLITE_ROW)
            {
                throw new FaultException(FaultKind.DataLoss, $"{path} has no format version; restore it from a backup");
            }

            var format = raw.sqlite3_column_int64(statement, 0);
            if (format > FormatVersion)
            {
                throw new FaultException(FaultKind.FailedPrecondition, $"{path} has format {format.ToString(CultureInfo.InvariantCulture)}, written by a newer gantryd; this one reads up to {FormatVersion}");
            }
        }
    }

    private static void Execute(string path, sqlite3 database, string sql)
    {
        var code = raw.sqlite3_exec(database, sql);
        if (code != raw.SQLITE_OK)
        {
            throw Failure(path, code, raw.sqlite3_errmsg(database).utf8_to_string());
        }
    }

    private static FaultException Failure(string path, int code, string message) => (code & 0xff) switch
    {
        raw.SQLITE_BUSY or raw.SQLITE_LOCKED => new FaultException(FaultKind.FailedPrecondition, $"{path} is in use by another gantryd; stop it, or give this one another --root"),
        raw.SQLITE_FULL => new FaultException(FaultKind.ResourceExhausted, $"{path}: no space left on the disk"),
        raw.SQLITE_CORRUPT or raw.SQLITE_NOTADB => new FaultException(FaultKind.DataLoss, $"{path} is damaged ({message}); restore it from a backup"),
        _ => new FaultException(FaultKind.Unavailable, $"{path}: {message}"),
    };

    private sqlite3_stmt Prepare(string sql)
    {
        Check(raw.sqlite3_prepare_v2(_database, sql, out var statement));
        return statement;
    }

    private int BindBlob(ReadOnlySpan<byte> value) =>
        value.IsEmpty ? raw.sqlite3_bind_zeroblob(_insert, 3, 0) : raw.sqlite3_bind_blob(_insert, 3, value);

    private void Step(sqlite3_stmt statement)
    {
        var code = raw.sqlite3_step(statement);
        var message = code is raw.SQLITE_DONE or raw.SQLITE_ROW ? null : raw.sqlite3_errmsg(_database).utf8_to_string();
        raw.sqlite3_reset(statement);
        if (message is not null)
        {
            throw Failure(_path, code, message);
        }
    }

    private void Check(int code)
    {
        if (code != raw.SQLITE_OK)
        {
            throw Failure(_path, code, raw.sqlite3_errmsg(_database).utf8_to_string());
        }
    }
}
