using System.Globalization;
using Gantry.Store.Sqlite.Commits;

namespace Gantry.Store.Sqlite;

/// <summary>
/// Brings a file of an older format up to date. Formats 1 and 2 had every version that was not in the history yet as a row of one table,
/// in the order of revisions; format 3 has the present there, and a log of commits beside it.
/// </summary>
internal static class FormatUpgrade
{
    /// <summary>
    /// The old rows become a log, which is read like any other. The file says that it has the new format once that log is durable: whoever
    /// is interrupted begins again.
    /// </summary>
    public static void Run(SqliteFile file, DateTimeOffset now, ILogFiles logFiles)
    {
        if (file.ReadMeta("format", 0) == 1)
        {
            AddTimes(file, now);
        }

        var compacted = file.ReadMeta("compacted", 1);
        var first = file.ReadNumber("SELECT min(id) FROM log", 0) / StoredChange.MaxOperations;
        var applied = first > 0 ? Math.Min(first - 1, compacted) : compacted;
        CommitLog.Discard(file.Path, logFiles);
        using (var log = CommitLog.Open(file.Path, file.ReadMeta("identity", 0), applied, logFiles))
        {
            Copy(file, log, applied, compacted);
        }

        file.InOneTransaction(() =>
        {
            file.Execute("DROP TABLE log");
            PresentFile.CreateEntries(file);
            file.Execute(string.Create(CultureInfo.InvariantCulture, $"INSERT OR REPLACE INTO meta (name, value) VALUES ('format', 3), ('applied', {applied})"));
        });
        if (file.ReadNumber("PRAGMA auto_vacuum") == 0)
        {
            // Only a whole copy changes this for a file that has pages. Without it the file works, but never shrinks.
            file.Execute("PRAGMA auto_vacuum=INCREMENTAL; VACUUM");
        }
    }

    // Format 1 had no commit times. Its rows are given the time of the upgrade, which is when their history begins.
    private static void AddTimes(SqliteFile file, DateTimeOffset now) => file.InOneTransaction(() =>
    {
        var time = now.ToUnixTimeMilliseconds().ToString(CultureInfo.InvariantCulture);
        file.Execute($"ALTER TABLE log ADD COLUMN committed INTEGER NOT NULL DEFAULT {time}");
        file.Execute("INSERT OR IGNORE INTO meta (name, value) VALUES ('compacted', 1)");
        file.Execute($"INSERT INTO meta (name, value) VALUES ('identity', {Random.Shared.NextInt64().ToString(CultureInfo.InvariantCulture)}), ('compacted_time', {time})");
        file.Execute("UPDATE meta SET value = 2 WHERE name = 'format'");
    });

    private static void Copy(SqliteFile file, CommitLog log, long applied, long compacted)
    {
        var compactedMs = file.ReadMeta("compacted_time", 0);
        var frame = new CommitFrame();
        var last = applied;
        frame.Begin(applied);
        using var statement = file.Prepare("SELECT id, key, created, committed, value FROM log ORDER BY id");
        while (statement.Step())
        {
            var id = statement.GetNumber(0);
            var revision = id / StoredChange.MaxOperations;
            if (revision != last)
            {
                if (frame.Length > CommitLog.MostFrameBytes)
                {
                    // What the window forgot is said at the end: until then a revision may still be before it.
                    frame.End(0, 0);
                    log.Append(frame, last);
                    frame.Begin(last);
                }

                frame.BeginCommit(revision, statement.GetNumber(3));
                last = revision;
            }

            var value = statement.GetBlob(4);
            frame.Add((int)(id % StoredChange.MaxOperations), statement.GetText(1), value is null ? default(ReadOnlyMemory<byte>?) : value, statement.GetNumber(2));
        }

        frame.End(compacted, compactedMs);
        log.Append(frame, Math.Max(last, compacted));
    }
}
