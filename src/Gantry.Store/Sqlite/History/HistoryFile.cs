using System.Globalization;
using Gantry.Faults;

namespace Gantry.Store.Sqlite.History;

/// <summary>
/// The file of rows that are no longer anybody's present, in the order in which they were superseded: it grows at one end and is
/// forgotten at the other. A row's <c>seq</c> is <c>revision that superseded it * 2048 + index</c>. The index by key finds the
/// version that a revision saw: a key's first row that was superseded after it.
/// <para>Written by one thread, <see cref="Archiver"/>; read through other connections.</para>
/// </summary>
internal sealed class HistoryFile : IDisposable
{
    /// <summary>Rows that one revision can supersede: each operation the one before it, and, when it deletes, its own.</summary>
    public const int MaxRows = 2 * StoredChange.MaxOperations;

    private const int FormatVersion = 1;
    private const int CacheKib = 16_384;

    // As many ids of keys are remembered; a text index is searched for the others.
    private const int MostKeyIds = 200_000;

    private readonly Dictionary<string, long> _keyIds = new(StringComparer.Ordinal);
    private readonly SqliteFile _file;
    private readonly SqliteStatement _insert;
    private readonly SqliteStatement _findKey;
    private readonly SqliteStatement _addKey;
    private readonly SqliteStatement _addTimes;
    private readonly SqliteStatement _setMeta;

    private HistoryFile(SqliteFile file)
    {
        _file = file;
        _insert = file.Prepare("INSERT INTO versions (seq, kid, id, created, committed, value) VALUES (?1, ?2, ?3, ?4, ?5, ?6)");
        _findKey = file.Prepare("SELECT kid FROM keys WHERE key = ?1");
        _addKey = file.Prepare("INSERT INTO keys (key) VALUES (?1) RETURNING kid");
        _addTimes = file.Prepare("INSERT OR REPLACE INTO times (first, base, packed) VALUES (?1, ?2, ?3)");
        _setMeta = file.Prepare("UPDATE meta SET value = ?2 WHERE name = ?1");
        Bounds = new HistoryBounds(file.ReadMeta("floor", 1), file.ReadMeta("floor_time", 0), file.ReadMeta("through", 1));
    }

    /// <summary>As of the last durable change.</summary>
    public HistoryBounds Bounds { get; private set; }

    /// <summary>The bytes of pages that hold something.</summary>
    public long UsedBytes => _file.UsedBytes;

    /// <summary>
    /// Opens or creates the history of a store. <paramref name="start"/> is where a new one begins: what the store's file
    /// forgot before is not in it. A history with a gap, because the store was used without one for a while, begins anew.
    /// </summary>
    public static HistoryFile Open(string path, long identity, CommitTime start, long forgotten)
    {
        var file = SqliteFile.Open(path, create: true, CacheKib);
        try
        {
            if (file.ReadNumber("SELECT count(*) FROM sqlite_schema") == 0)
            {
                Create(file, identity, start);
            }

            Check(file, identity);
            if (file.ReadMeta("through", 0) < forgotten)
            {
                Clear(file, start);
            }

            return new HistoryFile(file);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Adds what commits superseded and their times, durably or not at all; then it has all that was superseded up to <paramref name="through"/>.
    /// What it has already is left out.
    /// </summary>
    public void Add(IReadOnlyList<ForgottenCommit> commits, long through)
    {
        if (_keyIds.Count > MostKeyIds)
        {
            _keyIds.Clear();
        }

        _file.InOneTransaction(() =>
        {
            CommitTime[] times = [.. commits.Where(commit => commit.Revision > Bounds.Through).Select(commit => new CommitTime(commit.Revision, commit.CommittedMs))];
            foreach (var commit in commits.Where(commit => commit.Revision > Bounds.Through))
            {
                AddRows(commit);
            }

            foreach (var block in Blocks(times))
            {
                _addTimes.Bind(1, block[0].Revision).Bind(2, block[0].TimeMs).Bind(3, CommitTimeBlock.Pack(block)).Run();
            }

            WriteMeta("through", through);
        });
        Bounds = Bounds with { Through = through };
    }

    /// <summary>
    /// Forgets the states before <paramref name="floor"/>, except those of snapshots: rows superseded up to it, from
    /// <paramref name="from"/> on, about <paramref name="rows"/> of them at most. Gives the revision up to which it got.
    /// </summary>
    public long Prune(long from, CommitTime floor, int rows)
    {
        var first = (from + 1) * MaxRows;
        var reached = Number($"SELECT seq FROM versions WHERE seq >= {first} AND seq < {(floor.Revision + 1) * MaxRows} ORDER BY seq LIMIT 1 OFFSET {rows}") is { } seq
            ? seq / MaxRows : floor.Revision;
        var end = (reached + 1) * MaxRows;
        _file.InOneTransaction(() =>
        {
            var lowered = floor with { Revision = Math.Max(Bounds.Floor, reached) };
            WriteMeta("floor", lowered.Revision);
            WriteMeta("floor_time", Math.Max(Bounds.FloorMs, TimeOf(lowered.Revision) ?? floor.TimeMs));
            _file.Execute("CREATE TEMP TABLE IF NOT EXISTS touched (kid INTEGER PRIMARY KEY); DELETE FROM touched");
            _file.Execute($"INSERT OR IGNORE INTO touched SELECT kid FROM versions WHERE seq >= {Text(first)} AND seq < {Text(end)}");
            // A snapshot at S keeps the rows that S saw: written at or before it, superseded after it.
            _file.Execute($"DELETE FROM versions WHERE seq >= {Text(first)} AND seq < {Text(end)} AND NOT EXISTS (SELECT 1 FROM snapshots WHERE revision >= versions.id / {StoredChange.MaxOperations} AND revision < versions.seq / {MaxRows})");
            using (var forget = _file.Prepare("DELETE FROM keys WHERE kid IN (SELECT kid FROM touched) AND NOT EXISTS (SELECT 1 FROM versions WHERE versions.kid = keys.kid) RETURNING key"))
            {
                while (forget.Step())
                {
                    _keyIds.Remove(forget.GetText(0));
                }
            }

            _file.Execute($"DELETE FROM times WHERE first < (SELECT max(first) FROM times WHERE first <= {Text(lowered.Revision)})");
        });
        Bounds = new HistoryBounds(_file.ReadMeta("floor", 1), _file.ReadMeta("floor_time", 0), Bounds.Through);
        return reached;
    }

    /// <summary>The newest revision committed at or before a time, as far as this file knows times.</summary>
    public CommitTime? RevisionAt(long timeMs) => HistoryTimes.RevisionAt(_file, timeMs);

    /// <summary>The revision up to which the oldest <paramref name="rows"/> rows were superseded.</summary>
    public long? RevisionAfterOldest(int rows) => Number($"SELECT seq FROM versions WHERE seq >= {(Bounds.Floor + 1) * MaxRows} ORDER BY seq LIMIT 1 OFFSET {rows}") / MaxRows;

    public void AddSnapshot(StoreSnapshot snapshot) => _file.InOneTransaction(() =>
    {
        using var insert = _file.Prepare("INSERT INTO snapshots (name, revision, committed, made) VALUES (?1, ?2, ?3, ?4)");
        insert.Bind(1, snapshot.Name).Bind(2, snapshot.Revision).Bind(3, snapshot.Time.ToUnixTimeMilliseconds()).Bind(4, snapshot.CreatedAt.ToUnixTimeMilliseconds()).Run();
    });

    /// <summary>False when there is none of that name.</summary>
    public bool RemoveSnapshot(string name)
    {
        var removed = false;
        _file.InOneTransaction(() =>
        {
            using var delete = _file.Prepare("DELETE FROM snapshots WHERE name = ?1 RETURNING revision");
            removed = delete.Bind(1, name).Step();
            delete.Reset();
        });
        return removed;
    }

    public long? TimeOf(long revision) => HistoryTimes.TimeOf(_file, revision);

    /// <summary>See <see cref="SqliteFile.Checkpoint"/>.</summary>
    public (long LogBytes, long CopiedBytes) Checkpoint(bool truncate) => _file.Checkpoint(truncate);

    /// <summary>See <see cref="SqliteFile.Shrink"/>.</summary>
    public void Shrink() => _file.Shrink();

    /// <summary>See <see cref="SqliteFile.ShrinkABit"/>.</summary>
    public bool ShrinkABit() => _file.ShrinkABit();

    public void Dispose()
    {
        foreach (var statement in new[] { _insert, _findKey, _addKey, _addTimes, _setMeta })
        {
            statement.Dispose();
        }

        _file.Dispose();
    }

    private static void Create(SqliteFile file, long identity, CommitTime start) => file.InOneTransaction(() =>
    {
        file.Execute("CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID");
        file.Execute("CREATE TABLE keys (kid INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE)");
        file.Execute("CREATE TABLE versions (seq INTEGER PRIMARY KEY, kid INTEGER NOT NULL, id INTEGER NOT NULL, created INTEGER NOT NULL, committed INTEGER NOT NULL, value BLOB)");
        file.Execute("CREATE INDEX versions_by_key ON versions (kid)");
        file.Execute("CREATE TABLE times (first INTEGER PRIMARY KEY, base INTEGER NOT NULL, packed BLOB NOT NULL)");
        file.Execute("CREATE INDEX times_by_time ON times (base)");
        file.Execute("CREATE TABLE snapshots (name TEXT PRIMARY KEY, revision INTEGER NOT NULL, committed INTEGER NOT NULL, made INTEGER NOT NULL) WITHOUT ROWID");
        file.Execute($"INSERT INTO meta (name, value) VALUES ('format', {Text(FormatVersion)}), ('identity', {Text(identity)}), ('floor', {Text(start.Revision)}), ('floor_time', {Text(start.TimeMs)}), ('through', {Text(start.Revision)})");
    });

    private static void Clear(SqliteFile file, CommitTime start) => file.InOneTransaction(() =>
    {
        file.Execute("DELETE FROM versions; DELETE FROM keys; DELETE FROM times; DELETE FROM snapshots");
        file.Execute($"UPDATE meta SET value = {Text(start.Revision)} WHERE name IN ('floor', 'through')");
        file.Execute($"UPDATE meta SET value = {Text(start.TimeMs)} WHERE name = 'floor_time'");
    });

    private static void Check(SqliteFile file, long identity)
    {
        if (file.ReadNumber("SELECT count(*) FROM sqlite_schema WHERE name IN ('meta', 'keys', 'versions', 'times', 'snapshots')") != 5)
        {
            throw new FaultException(FaultKind.DataLoss, $"{file.Path} is not a history of gantryd; move it away to go on without the past, the present is in the file beside it");
        }

        if (file.ReadMeta("format", 0) > FormatVersion)
        {
            throw new FaultException(FaultKind.FailedPrecondition, $"{file.Path} was written by a newer gantryd; start that one, or move the file away to go on without the past");
        }

        if (file.ReadMeta("identity", 0) != identity)
        {
            throw new FaultException(FaultKind.FailedPrecondition, $"{file.Path} is the history of another store; move it away, or restore both files from one backup");
        }
    }

    private static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);

    // Runs of revisions that follow each other; a store that was used without history leaves holes.
    private static IEnumerable<CommitTime[]> Blocks(CommitTime[] times)
    {
        var from = 0;
        for (var i = 1; i <= times.Length; i++)
        {
            if (i == times.Length || times[i].Revision != times[i - 1].Revision + 1)
            {
                yield return times[from..i];
                from = i;
            }
        }
    }

    private void AddRows(ForgottenCommit commit)
    {
        var index = 0;
        foreach (var row in HistoryRow.Of(commit))
        {
            // What was written and superseded by one commit no revision ever saw.
            if (row.Value is null || row.Id / StoredChange.MaxOperations != row.SupersededAt)
            {
                _insert.Bind(1, (row.SupersededAt * MaxRows) + index).Bind(2, KeyId(row.Key)).Bind(3, row.Id).Bind(4, row.CreateRevision)
                    .Bind(5, row.CommittedMs).Bind(6, row.Value).Run();
            }

            index++;
        }
    }

    private long? Number(FormattableString sql)
    {
        using var statement = _file.Prepare(sql.ToString(CultureInfo.InvariantCulture));
        return statement.Step() ? statement.GetNumber(0) : null;
    }

    private long KeyId(string key)
    {
        if (_keyIds.TryGetValue(key, out var known))
        {
            return known;
        }

        foreach (var statement in new[] { _findKey, _addKey })
        {
            statement.Bind(1, key);
            if (statement.Step())
            {
                var id = statement.GetNumber(0);
                if (ReferenceEquals(statement, _addKey))
                {
                    // An insertion counts when its statement has run to its end.
                    statement.Step();
                }

                statement.Reset();
                return _keyIds[key] = id;
            }
        }

        throw new FaultException(FaultKind.Internal, $"{_file.Path} gave no id for {key}");
    }

    private void WriteMeta(string name, long value) => _setMeta.Bind(1, name).Bind(2, value).Run();
}
