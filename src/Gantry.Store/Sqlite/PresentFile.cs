using System.Globalization;
using Gantry.Faults;

namespace Gantry.Store.Sqlite;

/// <summary>
/// The store's file: one row a key, as of one revision; what came after is in the log of commits. A row keeps its place while its
/// key exists: a new value takes the place of the old one, which touches one page where a deletion and an insertion touch two.
/// Used by one thread at a time.
/// </summary>
internal sealed class PresentFile : IDisposable
{
    private const int FormatVersion = 3;
    private const int CacheKib = 16_384;

    private readonly SqliteFile _file;
    private readonly SqliteStatement _insert;
    private readonly SqliteStatement _update;
    private readonly SqliteStatement _delete;
    private readonly SqliteStatement _setMeta;
    private readonly Dictionary<string, long> _places = new(StringComparer.Ordinal);
    private long _lastPlace;

    private PresentFile(SqliteFile file)
    {
        _file = file;
        _insert = file.Prepare("INSERT INTO entries (place, id, key, created, committed, value) VALUES (?1, ?2, ?3, ?4, ?5, ?6)");
        _update = file.Prepare("UPDATE entries SET id = ?2, created = ?3, committed = ?4, value = ?5 WHERE place = ?1");
        _delete = file.Prepare("DELETE FROM entries WHERE place = ?1");
        _setMeta = file.Prepare("INSERT INTO meta (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = ?2");
        Applied = file.ReadMeta("applied", 1);
    }

    /// <summary>The revision whose state it holds.</summary>
    public long Applied { get; private set; }

    /// <summary>A number by which its history and its log are known to be its own.</summary>
    public long Identity => _file.ReadMeta("identity", 0);

    /// <summary>
    /// Opens or creates the file, brings an older format up to date, and checks it: every page when the process before was killed,
    /// otherwise what reading it all at the start shows. Fails with FailedPrecondition when a newer version wrote it, and with DataLoss
    /// when it is damaged.
    /// </summary>
    public static PresentFile Open(string path, DateTimeOffset now, Commits.ILogFiles logFiles)
    {
        var check = SqliteFile.WasLeftOpen(path);
        var file = SqliteFile.Open(path, create: true, CacheKib);
        try
        {
            if (file.ReadNumber("SELECT count(*) FROM sqlite_schema") == 0)
            {
                Create(file, now);
            }

            if (check)
            {
                file.CheckIntegrity();
            }

            if (ReadFormat(file) < FormatVersion)
            {
                FormatUpgrade.Run(file, now, logFiles);
            }

            return new PresentFile(file);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Throws when a file is not a store's, or was written by a newer version.</summary>
    public static void CheckFormat(string path)
    {
        using var file = SqliteFile.Open(path);
        ReadFormat(file);
    }

    /// <summary>Creates the tables in a file that has none.</summary>
    public static void Create(SqliteFile file, DateTimeOffset now) => file.InOneTransaction(() =>
    {
        file.Execute("CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID");
        CreateEntries(file);
        file.Execute(string.Create(CultureInfo.InvariantCulture, $"INSERT INTO meta (name, value) VALUES ('format', {FormatVersion}), ('identity', {Random.Shared.NextInt64()}), ('applied', 1), ('compacted', 1), ('compacted_time', {now.ToUnixTimeMilliseconds()})"));
    });

    public static void CreateEntries(SqliteFile file) =>
        file.Execute("CREATE TABLE entries (place INTEGER PRIMARY KEY, id INTEGER NOT NULL, key TEXT NOT NULL, created INTEGER NOT NULL, committed INTEGER NOT NULL, value BLOB NOT NULL)");

    public long ReadMeta(string name, long absent) => _file.ReadMeta(name, absent);

    /// <summary>Reads all entries, and takes note of their places.</summary>
    public IEnumerable<StoredEntry> Read()
    {
        _places.Clear();
        _lastPlace = 0;
        using var statement = _file.Prepare("SELECT place, id, key, created, committed, value FROM entries ORDER BY place");
        while (statement.Step())
        {
            var id = statement.GetNumber(1);
            var entry = new StoredEntry(statement.GetText(2), statement.GetBlob(5)!, statement.GetNumber(3), id / StoredChange.MaxOperations, id, statement.GetNumber(4));
            if (entry.Key.Length == 0 || entry.CreateRevision < 1 || entry.CreateRevision > entry.ModRevision || entry.ModRevision > Applied)
            {
                throw new FaultException(FaultKind.DataLoss, $"{_file.Path} is damaged (the row of {entry.Key} does not fit); restore it from a backup");
            }

            Place(statement.GetNumber(0), entry.Key);
            yield return entry;
        }
    }

    /// <summary>Reads only which keys there are, and takes note of their places.</summary>
    public void ReadPlaces()
    {
        _places.Clear();
        _lastPlace = 0;
        using var statement = _file.Prepare("SELECT place, key FROM entries ORDER BY place");
        while (statement.Step())
        {
            Place(statement.GetNumber(0), statement.GetText(1));
        }
    }

    /// <summary>
    /// Makes the file what the store was at the last of these commits, durably or not at all. <paramref name="withoutHistory"/>: nobody keeps
    /// what they superseded.
    /// </summary>
    public void Apply(IReadOnlyList<ForgottenCommit> commits, bool withoutHistory)
    {
        // Only the last change of a key counts; in the order of places, neighbours are written together.
        var changes = new Dictionary<string, StoredEntry?>(StringComparer.Ordinal);
        foreach (var commit in commits)
        {
            foreach (var change in commit.Changes)
            {
                changes[change.Key] = change.After;
            }
        }

        var placed = changes.Select(change => (Place: _places.GetValueOrDefault(change.Key), change.Key, Entry: change.Value)).ToArray();
        Array.Sort(placed, static (a, b) => a.Place != b.Place ? a.Place.CompareTo(b.Place) : (a.Entry?.RowId ?? 0).CompareTo(b.Entry?.RowId ?? 0));
        var last = _lastPlace;
        _file.InOneTransaction(() =>
        {
            foreach (var (place, _, entry) in placed)
            {
                Write(place, entry, ref last);
            }

            WriteMeta("applied", commits[^1].Revision);
            WriteMeta("compacted", commits[^1].Revision);
            WriteMeta("compacted_time", commits[^1].CommittedMs);
            if (withoutHistory)
            {
                WriteMeta("forgotten", commits[^1].Revision);
            }
        });
        Applied = commits[^1].Revision;
        foreach (var (place, key, entry) in placed)
        {
            if (entry is null)
            {
                _places.Remove(key);
            }
            else if (place == 0)
            {
                _places[key] = ++_lastPlace;
            }
        }
    }

    /// <summary>Fills a new file with entries, as of a revision.</summary>
    public void Fill(IEnumerable<StoredEntry> entries, long revision, DateTimeOffset time) => _file.InOneTransaction(() =>
    {
        var last = 0L;
        foreach (var entry in entries)
        {
            Write(0, entry, ref last);
        }

        WriteMeta("applied", revision);
        WriteMeta("compacted", revision);
        WriteMeta("compacted_time", time.ToUnixTimeMilliseconds());
    });

    /// <summary>The bytes of pages that hold something.</summary>
    public long UsedBytes => _file.UsedBytes;

    /// <summary>See <see cref="SqliteFile.Checkpoint"/>.</summary>
    public (long LogBytes, long CopiedBytes) Checkpoint(bool truncate) => _file.Checkpoint(truncate);

    /// <summary>See <see cref="SqliteFile.ShrinkABit"/>.</summary>
    public bool ShrinkABit() => _file.ShrinkABit();

    /// <summary>See <see cref="SqliteFile.Shrink"/>.</summary>
    public void Shrink() => _file.Shrink();

    /// <summary>Writes a whole copy of the file; nothing may be at that place.</summary>
    public void CopyTo(string target)
    {
        using var statement = _file.Prepare("VACUUM INTO ?1");
        statement.Bind(1, target).Run();
    }

    public void Dispose()
    {
        foreach (var statement in new[] { _insert, _update, _delete, _setMeta })
        {
            statement.Dispose();
        }

        _file.Dispose();
    }

    private static long ReadFormat(SqliteFile file)
    {
        if (file.ReadNumber("SELECT count(*) FROM sqlite_schema WHERE name = 'meta'") != 1 || file.ReadMeta("format", 0) is not (> 0 and var format))
        {
            throw new FaultException(FaultKind.DataLoss, $"{file.Path} is not a store of gantryd: tables or the format version are missing; restore it from a backup");
        }

        if (format > FormatVersion)
        {
            throw new FaultException(FaultKind.FailedPrecondition, $"{file.Path} has format {format.ToString(CultureInfo.InvariantCulture)}, written by a newer gantryd; this one reads up to {FormatVersion}: start the newer one, or restore a backup of this one");
        }

        return file.ReadNumber($"SELECT count(*) FROM sqlite_schema WHERE name = '{(format < FormatVersion ? "log" : "entries")}'") == 1 ? format
            : throw new FaultException(FaultKind.DataLoss, $"{file.Path} is not a store of gantryd: a table is missing; restore it from a backup");
    }

    private void Place(long place, string key)
    {
        if (!_places.TryAdd(key, place))
        {
            throw new FaultException(FaultKind.DataLoss, $"{_file.Path} is damaged ({key} is there twice); restore it from a backup");
        }

        _lastPlace = place;
    }

    private void Write(long place, StoredEntry? entry, ref long last)
    {
        if (entry is null)
        {
            if (place > 0)
            {
                _delete.Bind(1, place).Run();
            }
        }
        else if (place > 0)
        {
            _update.Bind(1, place).Bind(2, entry.RowId).Bind(3, entry.CreateRevision).Bind(4, entry.CommittedMs).Bind(5, entry.Value).Run();
        }
        else
        {
            _insert.Bind(1, ++last).Bind(2, entry.RowId).Bind(3, entry.Key).Bind(4, entry.CreateRevision).Bind(5, entry.CommittedMs).Bind(6, entry.Value).Run();
        }
    }

    private void WriteMeta(string name, long value) => _setMeta.Bind(1, name).Bind(2, value).Run();
}
