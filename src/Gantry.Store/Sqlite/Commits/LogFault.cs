using Gantry.Faults;

namespace Gantry.Store.Sqlite.Commits;

/// <summary>A call for the commit log that failed.</summary>
internal sealed class LogFault : FaultException
{
    // errno(3)
    private const int NoSpace = 28;
    private const int NoQuota = 122;

    private LogFault(FaultKind kind, string message, bool leavesNoDoubt, Exception? cause)
        : base(kind, message, cause) => LeavesNoDoubt = leavesNoDoubt;

    /// <summary>
    /// Whether what was to be written is known not to be in the log: a full disk refuses a write, and a frame that is not written
    /// to its end is none. After anything else, above all a failed sync, that is not known.
    /// </summary>
    public bool LeavesNoDoubt { get; }

    /// <summary>A file that says what it may not.</summary>
    public static LogFault Damage(string path, string what) => new(FaultKind.DataLoss, $"{path} is damaged ({what}); restore the store from a backup", leavesNoDoubt: false, null);

    /// <summary>Runs one call and puts its failure into words.</summary>
    public static void Guard(string call, string path, Action work)
    {
        try
        {
            work();
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException or FaultException and not LogFault)
        {
            throw From(call, path, failure);
        }
    }

    public static LogFault From(string call, string path, Exception failure)
    {
        // The runtime hands errno on as the HResult.
        var full = failure is IOException { HResult: NoSpace or NoQuota };
        return full
            ? new LogFault(FaultKind.ResourceExhausted, $"{path}: no space left on the disk (ENOSPC); writes are refused until there is room, reads go on", leavesNoDoubt: true, failure)
            : new LogFault(FaultKind.Unavailable, $"{call} {path}: {failure.Message}", leavesNoDoubt: false, failure);
    }
}
