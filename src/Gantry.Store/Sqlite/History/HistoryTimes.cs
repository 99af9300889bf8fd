namespace Gantry.Store.Sqlite.History;

/// <summary>Questions of the table of commit times.</summary>
internal static class HistoryTimes
{
    /// <summary>The newest revision that was committed at or before a time, or null.</summary>
    public static CommitTime? RevisionAt(SqliteFile file, long timeMs)
    {
        using var statement = file.Prepare("SELECT first, base, packed FROM times WHERE base <= ?1 ORDER BY base DESC, first DESC LIMIT 1");
        if (!statement.Bind(1, timeMs).Step())
        {
            return null;
        }

        return Block(statement).TakeWhile(time => time.TimeMs <= timeMs).Last();
    }

    /// <summary>When a revision was committed, or null when that is not known.</summary>
    public static long? TimeOf(SqliteFile file, long revision)
    {
        using var statement = file.Prepare("SELECT first, base, packed FROM times WHERE first <= ?1 ORDER BY first DESC LIMIT 1");
        return statement.Bind(1, revision).Step()
            ? Block(statement).Where(time => time.Revision == revision).Select(time => (long?)time.TimeMs).FirstOrDefault()
            : null;
    }

    private static List<CommitTime> Block(SqliteStatement statement)
    {
        List<CommitTime> times = [.. CommitTimeBlock.Unpack(statement.GetNumber(0), statement.GetNumber(1), statement.GetBlob(2)!)];
        statement.Reset();
        return times;
    }
}
