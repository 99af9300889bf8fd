namespace Gantry.Faults;

/// <summary>
/// A failure with a <see cref="FaultKind"/>. The message is one sentence for the user: what was wrong, where, and what
/// would be right; it starts in lower case and ends without a period, so that it can follow a colon.
/// </summary>
public class FaultException : Exception
{
    /// <summary>Makes a fault.</summary>
    public FaultException(FaultKind kind, string message, Exception? innerException = null)
        : base(message, innerException) => Kind = kind;

    /// <summary>Why the operation failed.</summary>
    public FaultKind Kind { get; }
}
