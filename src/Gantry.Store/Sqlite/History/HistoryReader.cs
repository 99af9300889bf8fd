using System.Text;
using Gantry.Faults;

namespace Gantry.Store.Sqlite.History;

/// <summary>
/// Reads the file of history on a connection of its own, one question at a time; it never holds up the archiver, and that never
/// holds up commits.
/// </summary>
internal sealed class HistoryReader(string path) : IDisposable
{
    private readonly Lock _gate = new();
    private SqliteFile? _file;
    private bool _closed;

    /// <summary>
    /// The versions that a revision saw and that were superseded since, of keys with a prefix, in no order. Throws Expired when the
    /// revision is neither in the span nor a snapshot's.
    /// </summary>
    public List<StoredEntry> VersionsAt(string prefix, long revision) => Read(file =>
    {
        CheckReadable(file, revision);
        using var statement = file.Prepare(
            """
            SELECT keys.key, v.id, v.created, v.committed, v.value FROM keys
            JOIN versions v ON v.seq = (SELECT seq FROM versions WHERE kid = keys.kid AND seq >= ?1 ORDER BY seq LIMIT 1)
            WHERE keys.key >= ?2 AND keys.key < ?3 AND v.id < ?4 AND v.value IS NOT NULL
            """);
        statement.Bind(1, (revision + 1) * HistoryFile.MaxRows).Bind(4, (revision + 1) * StoredChange.MaxOperations);
        BindPrefix(statement, prefix);
        var entries = new List<StoredEntry>();
        while (statement.Step())
        {
            var id = statement.GetNumber(1);
            entries.Add(new StoredEntry(statement.GetText(0), statement.GetBlob(4), statement.GetNumber(2), id / StoredChange.MaxOperations, id, statement.GetNumber(3)));
        }

        return entries;
    });

    /// <summary>The rows of a key that were superseded at or before a revision, newest first.</summary>
    public List<StoreVersion> VersionsOf(string key, long supersededAtMost, int limit) => Read(file =>
    {
        using var statement = file.Prepare(
            "SELECT id, committed, value, created FROM versions WHERE kid = (SELECT kid FROM keys WHERE key = ?1) AND seq < ?2 ORDER BY seq DESC LIMIT ?3");
        statement.Bind(1, key).Bind(2, (supersededAtMost + 1) * HistoryFile.MaxRows).Bind(3, limit);
        var versions = new List<StoreVersion>();
        while (statement.Step())
        {
            var value = statement.GetBlob(2);
            versions.Add(new StoreVersion(
                statement.GetNumber(0) / StoredChange.MaxOperations,
                DateTimeOffset.FromUnixTimeMilliseconds(statement.GetNumber(1)),
                value is null ? default(ReadOnlyMemory<byte>?) : value,
                statement.GetNumber(3)));
        }

        return versions;
    });

    public List<StoreSnapshot> Snapshots() => Read(ReadSnapshots);

    public CommitTime? RevisionAt(long timeMs) => Read(file => HistoryTimes.RevisionAt(file, timeMs));

    /// <summary>When a revision was committed; a snapshot knows it longer than the table of times.</summary>
    public long? TimeOf(long revision) => Read(file => HistoryTimes.TimeOf(file, revision) is { } time ? time
        : ReadSnapshots(file).FirstOrDefault(snapshot => snapshot.Revision == revision)?.Time.ToUnixTimeMilliseconds());

    /// <summary>Throws Expired when a revision can no longer be read.</summary>
    public void CheckReadable(long revision) => Read(file =>
    {
        CheckReadable(file, revision);
        return true;
    });

    public void CheckIntegrity() => Read(file =>
    {
        file.CheckIntegrity();
        return true;
    });

    /// <summary>Writes a whole copy of the file as it is at this moment; a file at that place must not exist.</summary>
    public void CopyTo(string target) => Read(file =>
    {
        using var statement = file.Prepare("VACUUM INTO ?1");
        statement.Bind(1, target).Run();
        return true;
    }, inTransaction: false);

    public void Dispose()
    {
        lock (_gate)
        {
            _closed = true;
            _file?.Dispose();
        }
    }

    private static List<StoreSnapshot> ReadSnapshots(SqliteFile file)
    {
        using var statement = file.Prepare("SELECT name, revision, committed, made FROM snapshots ORDER BY revision, name");
        var snapshots = new List<StoreSnapshot>();
        while (statement.Step())
        {
            snapshots.Add(new StoreSnapshot(
                statement.GetText(0),
                statement.GetNumber(1),
                DateTimeOffset.FromUnixTimeMilliseconds(statement.GetNumber(2)),
                DateTimeOffset.FromUnixTimeMilliseconds(statement.GetNumber(3))));
        }

        return snapshots;
    }

    private static void CheckReadable(SqliteFile file, long revision)
    {
        var floor = file.ReadMeta("floor", 1);
        if (revision >= floor)
        {
            return;
        }

        using var pinned = file.Prepare("SELECT 1 FROM snapshots WHERE revision = ?1");
        if (!pinned.Bind(1, revision).Step())
        {
            throw new FaultException(FaultKind.Expired, $"revision {revision} is no longer kept; the oldest of the history is {floor}");
        }

        pinned.Reset();
    }

    private static void BindPrefix(SqliteStatement statement, string prefix)
    {
        // Bytes of UTF-8 compare like code points, so what follows all keys with the prefix is the prefix and the highest of them.
        statement.Bind(2, prefix).Bind(3, prefix + "\U0010FFFF");
    }

    private T Read<T>(Func<SqliteFile, T> question, bool inTransaction = true)
    {
        lock (_gate)
        {
            if (_closed)
            {
                throw new FaultException(FaultKind.Unavailable, "the store is closed");
            }

            _file ??= SqliteFile.Open(path, cacheKib: 4096);
            try
            {
                if (inTransaction)
                {
                    _file.Execute("BEGIN");
                }

                var answer = question(_file);
                _file.Rollback();
                return answer;
            }
            catch (SqliteFault)
            {
                _file.Dispose();
                _file = null;
                throw;
            }
            catch
            {
                _file.Rollback();
                throw;
            }
        }
    }
}
