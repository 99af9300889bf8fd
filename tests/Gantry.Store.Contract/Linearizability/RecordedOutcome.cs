namespace Gantry.Store.Contract.Linearizability;

/// <summary>What a client was told.</summary>
public enum RecordedOutcome
{
    /// <summary>Nothing that could be believed: the process died, or the answer said that it does not know.</summary>
    Unknown,

    /// <summary>It was done.</summary>
    Done,

    /// <summary>An expectation did not hold, nothing was done.</summary>
    Conflict,

    /// <summary>It failed, and the answer promises that nothing was done.</summary>
    Refused,
}
