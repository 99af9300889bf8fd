using System.Buffers;
using System.Text;
using SQLitePCL;

namespace Gantry.Store.Sqlite;

/// <summary>A prepared statement, used again and again by the one thread that uses its connection.</summary>
internal sealed class SqliteStatement(string path, sqlite3 database, sqlite3_stmt statement) : IDisposable
{
    public SqliteStatement Bind(int index, long value)
    {
        Check(raw.sqlite3_bind_int64(statement, index, value));
        return this;
    }

    public SqliteStatement Bind(int index, string value)
    {
        if (value.Length == 0)
        {
            // An empty span has a null pointer, which would be NULL.
            Check(raw.sqlite3_bind_text(statement, index, ""));
            return this;
        }

        var most = Encoding.UTF8.GetMaxByteCount(value.Length);
        if (most <= 512)
        {
            Span<byte> near = stackalloc byte[512];
            Check(raw.sqlite3_bind_text(statement, index, near[..Encoding.UTF8.GetBytes(value, near)]));
            return this;
        }

        var rented = ArrayPool<byte>.Shared.Rent(most);
        Check(raw.sqlite3_bind_text(statement, index, rented.AsSpan(0, Encoding.UTF8.GetBytes(value, rented))));
        ArrayPool<byte>.Shared.Return(rented);
        return this;
    }

    public SqliteStatement Bind(int index, ReadOnlyMemory<byte>? value)
    {
        // An empty blob needs a call of its own: a null pointer with length 0 would be NULL, which means deleted.
        Check(value is not { } bytes ? raw.sqlite3_bind_null(statement, index)
            : bytes.IsEmpty ? raw.sqlite3_bind_zeroblob(statement, index, 0)
            : raw.sqlite3_bind_blob(statement, index, bytes.Span));
        return this;
    }

    /// <summary>Runs a statement that gives no rows, or whose rows do not matter.</summary>
    public void Run()
    {
        Step();
        Reset();
    }

    /// <summary>Whether there is a (further) row. After the last one the statement is ready for its next use.</summary>
    public bool Step()
    {
        var code = raw.sqlite3_step(statement);
        if (code == raw.SQLITE_ROW)
        {
            return true;
        }

        var message = code == raw.SQLITE_DONE ? null : raw.sqlite3_errmsg(database).utf8_to_string();
        Reset();
        return message is null ? false : throw SqliteFault.From(path, code, message);
    }

    /// <summary>Leaves the remaining rows; until then a reading statement holds its snapshot of the file.</summary>
    public void Reset() => raw.sqlite3_reset(statement);

    public bool IsNull(int column) => raw.sqlite3_column_type(statement, column) == raw.SQLITE_NULL;

    public long GetNumber(int column) => raw.sqlite3_column_int64(statement, column);

    public string GetText(int column) => raw.sqlite3_column_text(statement, column).utf8_to_string();

    public byte[]? GetBlob(int column) => IsNull(column) ? null : raw.sqlite3_column_blob(statement, column).ToArray();

    public void Dispose() => statement.Dispose();

    private void Check(int code)
    {
        if (code != raw.SQLITE_OK)
        {
            throw SqliteFault.From(path, code, raw.sqlite3_errmsg(database).utf8_to_string());
        }
    }
}
