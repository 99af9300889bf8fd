using Gantry.Faults;
using SQLitePCL;

namespace Gantry.Store.Sqlite;

/// <summary>A failure that SQLite reported, with its extended result code.</summary>
internal sealed class SqliteFault : FaultException
{
    private SqliteFault(FaultKind kind, string message, int code)
        : base(kind, message) => Code = code;

    public int Code { get; }

    /// <summary>
    /// Whether the transaction that failed is known not to be in the file. A full disk refuses the write of a frame, and the frame
    /// that makes a transaction valid is the last one. After everything else, above all a failed fsync, only the file can tell.
    /// </summary>
    public bool LeavesNoDoubt => (Code & 0xff) is raw.SQLITE_FULL or raw.SQLITE_BUSY or raw.SQLITE_LOCKED or raw.SQLITE_TOOBIG or raw.SQLITE_NOMEM;

    public static SqliteFault From(string path, int code, string message) => (code & 0xff) switch
    {
        raw.SQLITE_BUSY or raw.SQLITE_LOCKED => new SqliteFault(FaultKind.FailedPrecondition, $"{path} is locked by another program; close what has it open", code),
        raw.SQLITE_FULL => new SqliteFault(FaultKind.ResourceExhausted, $"{path}: no space left on the disk (ENOSPC); writes are refused until there is room, reads go on", code),
        raw.SQLITE_TOOBIG => new SqliteFault(FaultKind.InvalidArgument, $"{path}: a value is larger than a file of this kind can hold", code),
        raw.SQLITE_CORRUPT or raw.SQLITE_NOTADB => new SqliteFault(FaultKind.DataLoss, $"{path} is damaged ({message}); restore it from a backup", code),
        _ => new SqliteFault(FaultKind.Unavailable, $"{path}: {message} (SQLite code {code})", code),
    };
}
