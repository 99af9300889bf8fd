using System.Globalization;
using Gantry.Faults;
using SQLitePCL;

namespace Gantry.Store.Sqlite;

/// <summary>
/// The store's file: one row a change, in revision order, until a newer row of its key made it unnecessary. Used by one thread at
/// a time. A row's id is <c>revision * 1024 + index in the commit</c>, so appending is always at the end of the table's B-tree.
/// </summary>
internal sealed class SqliteLog : IDisposable
{
    /// <summary>The most operations one commit may have; the row id keeps ten bits for them.</summary>
    public const int MaxOperations = 1024;

    private const int FormatVersion = 2;
    private const int CacheKib = 16_384;
    private readonly SqliteFile _file;
    private readonly SqliteStatement _begin;
    private readonly SqliteStatement _commit;
    private readonly SqliteStatement _insert;
    private readonly SqliteStatement _delete;
    private readonly SqliteStatement _setMeta;

    private SqliteLog(SqliteFile file)
    {
        _file = file;
        _begin = file.Prepare("BEGIN IMMEDIATE");
        _commit = file.Prepare("COMMIT");
        _insert = file.Prepare("INSERT INTO log (id, key, value, created, committed) VALUES (?1, ?2, ?3, ?4, ?5)");
        _delete = file.Prepare("DELETE FROM log WHERE id = ?1");
        _setMeta = file.Prepare("INSERT INTO meta (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = ?2");
    }

    /// <summary>
    /// Opens or creates the file, brings an older format up to date, and checks it: every page when the process before was killed,
    /// otherwise what reading it all at the start shows. Fails with FailedPrecondition when a newer version wrote it, and with DataLoss
    /// when it is damaged.
    /// </summary>
    public static SqliteLog Open(string path, DateTimeOffset now)
    {
        var check = SqliteFile.WasLeftOpen(path);
        var file = SqliteFile.Open(path, create: true, CacheKib);
        try
        {
            if (file.ReadNumber("SELECT count(*) FROM sqlite_schema") == 0)
            {
                Create(file, now);
            }

            Upgrade(file, now);
            if (check)
            {
                file.CheckIntegrity();
            }

            return new SqliteLog(file);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Creates the tables in a file that has none.</summary>
    public static void Create(SqliteFile file, DateTimeOffset now) => file.InOneTransaction(() =>
    {
        file.Execute("CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID");
        file.Execute("CREATE TABLE log (id INTEGER PRIMARY KEY, key TEXT NOT NULL, created INTEGER NOT NULL, committed INTEGER NOT NULL, value BLOB)");
        file.Execute(string.Create(CultureInfo.InvariantCulture, $"INSERT INTO meta (name, value) VALUES ('format', {FormatVersion}), ('identity', {Random.Shared.NextInt64()}), ('compacted', 1), ('compacted_time', {now.ToUnixTimeMilliseconds()})"));
    });

    public long ReadMeta(string name, long absent) => _file.ReadMeta(name, absent);

    /// <summary>Every row from an id on, in the order of ids.</summary>
    public IEnumerable<LogRow> Read(long fromId = 0)
    {
        using var statement = _file.Prepare("SELECT id, key, created, committed, value FROM log WHERE id >= ?1 ORDER BY id");
        statement.Bind(1, fromId);
        while (statement.Step())
        {
            yield return new LogRow(statement.GetNumber(0), statement.GetText(1), statement.GetBlob(4), statement.GetNumber(2), statement.GetNumber(3));
        }
    }

    /// <summary>The ids of all rows.</summary>
    public HashSet<long> ReadIds()
    {
        var ids = new HashSet<long>();
        using var statement = _file.Prepare("SELECT id FROM log");
        while (statement.Step())
        {
            ids.Add(statement.GetNumber(0));
        }

        return ids;
    }

    public void Begin() => _begin.Run();

    /// <summary>Makes the transaction durable: in WAL mode with synchronous=FULL this is one fsync.</summary>
    public void Commit() => _commit.Run();

    /// <summary>Drops the open transaction, if there is one.</summary>
    public void Rollback() => _file.Rollback();

    public void Append(long id, string key, ReadOnlyMemory<byte>? value, long createRevision, long committedMs) =>
        _insert.Bind(1, id).Bind(2, key).Bind(3, value).Bind(4, createRevision).Bind(5, committedMs).Run();

    public void Delete(long id) => _delete.Bind(1, id).Run();

    public void WriteMeta(string name, long value) => _setMeta.Bind(1, name).Bind(2, value).Run();

    /// <summary>See <see cref="SqliteFile.Checkpoint"/>.</summary>
    public (long LogBytes, long CopiedBytes) Checkpoint(bool truncate) => _file.Checkpoint(truncate);

    /// <summary>See <see cref="SqliteFile.ShrinkABit"/>.</summary>
    public bool ShrinkABit() => _file.ShrinkABit();

    /// <summary>See <see cref="SqliteFile.Shrink"/>.</summary>
    public void Shrink() => _file.Shrink();

    public void Dispose()
    {
        foreach (var statement in new[] { _begin, _commit, _insert, _delete, _setMeta })
        {
            statement.Dispose();
        }

        _file.Dispose();
    }

    private static void Upgrade(SqliteFile file, DateTimeOffset now)
    {
        if (file.ReadNumber("SELECT count(*) FROM sqlite_schema WHERE name IN ('meta', 'log')") != 2 || file.ReadMeta("format", 0) is not (> 0 and var format))
        {
            throw new FaultException(FaultKind.DataLoss, $"{file.Path} is not a store of gantryd: tables or the format version are missing; restore it from a backup");
        }

        if (format > FormatVersion)
        {
            throw new FaultException(FaultKind.FailedPrecondition, $"{file.Path} has format {format.ToString(CultureInfo.InvariantCulture)}, written by a newer gantryd; this one reads up to {FormatVersion}: start the newer one, or restore a backup of this one");
        }

        if (format == 1)
        {
            // Format 1 had no commit times. Its rows are given the time of the upgrade, which is when their history begins.
            var time = now.ToUnixTimeMilliseconds().ToString(CultureInfo.InvariantCulture);
            file.InOneTransaction(() =>
            {
                file.Execute($"ALTER TABLE log ADD COLUMN committed INTEGER NOT NULL DEFAULT {time}");
                file.Execute("INSERT OR IGNORE INTO meta (name, value) VALUES ('compacted', 1)");
                file.Execute($"INSERT INTO meta (name, value) VALUES ('identity', {Random.Shared.NextInt64().ToString(CultureInfo.InvariantCulture)}), ('compacted_time', {time})");
                file.Execute("UPDATE meta SET value = 2 WHERE name = 'format'");
            });
        }

        if (file.ReadNumber("PRAGMA auto_vacuum") == 0)
        {
            // Only a whole copy changes this for a file that has pages. Without it the file works, but never shrinks.
            file.Execute("PRAGMA auto_vacuum=INCREMENTAL; VACUUM");
        }
    }
}
