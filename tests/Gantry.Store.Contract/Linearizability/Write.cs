namespace Gantry.Store.Contract.Linearizability;

/// <summary>
/// One write of a recorded commit. Every value that is written is unique, so that a value names its write: <c>Value</c> null deletes,
/// <c>Expected</c> is the value that must be there (<see cref="Absent"/>: none), null for no expectation.
/// </summary>
public sealed record Write(string Key, string? Value, string? Expected = null)
{
    /// <summary>The expectation that a key is not there.</summary>
    public const string Absent = "";
}
