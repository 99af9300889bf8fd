using Gantry.Faults;

namespace Gantry.Store.Sqlite.History;

/// <summary>Reads single rows of the log on a connection of its own, which can be closed from another thread between two reads.</summary>
internal sealed class LogReader(string path) : IDisposable
{
    private readonly Lock _gate = new();
    private SqliteFile? _file;
    private SqliteStatement? _statement;

    /// <summary>The rows with these ids, in their order. Throws DataLoss when one is missing.</summary>
    public List<LogRow> Read(IReadOnlyList<SupersededRow> rows)
    {
        lock (_gate)
        {
            _file ??= SqliteFile.Open(path, cacheKib: 4096);
            _statement ??= _file.Prepare("SELECT id, key, created, committed, value FROM log WHERE id = ?1");
            var found = new List<LogRow>(rows.Count);
            _file.Execute("BEGIN");
            try
            {
                foreach (var row in rows)
                {
                    if (!_statement.Bind(1, row.Id).Step())
                    {
                        throw new FaultException(FaultKind.DataLoss, $"{path} has no row {row.Id} any more, which the history lacks; restore both from a backup");
                    }

                    found.Add(new LogRow(_statement.GetNumber(0), _statement.GetText(1), _statement.GetBlob(4), _statement.GetNumber(2), _statement.GetNumber(3)));
                    _statement.Reset();
                }
            }
            finally
            {
                _statement.Reset();
                _file.Rollback();
            }

            return found;
        }
    }

    public void Release()
    {
        lock (_gate)
        {
            _statement?.Dispose();
            _statement = null;
            _file?.Dispose();
            _file = null;
        }
    }

    public void Dispose() => Release();
}
