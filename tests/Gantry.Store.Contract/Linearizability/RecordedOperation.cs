namespace Gantry.Store.Contract.Linearizability;

/// <summary>
/// What a client asked, what it was told, and the moments of both on one clock (a counter). An operation whose outcome is not known may have had
/// its effect at any moment up to <c>Returned</c>, or never.
/// </summary>
public sealed class RecordedOperation
{
    /// <summary>Moment of the call.</summary>
    public required long Called { get; init; }

    /// <summary>Moment of the answer; for an unknown outcome the moment from which it can no longer have an effect.</summary>
    public long Returned { get; set; } = long.MaxValue;

    /// <summary>The writes of a commit; empty for a read.</summary>
    public IReadOnlyList<Write> Writes { get; init; } = [];

    /// <summary>What a read asked for: all these keys, at one moment.</summary>
    public IReadOnlyList<string> Reads { get; init; } = [];

    /// <summary>What was answered.</summary>
    public RecordedOutcome Outcome { get; set; } = RecordedOutcome.Unknown;

    /// <summary>For a read: the value of each key of <see cref="Reads"/>, null where there is none.</summary>
    public IReadOnlyList<string?> Found { get; set; } = [];

    /// <summary>For a commit that was refused: the write whose expectation failed, and the value that was there.</summary>
    public int FailedWrite { get; set; } = -1;

    /// <summary>See <see cref="FailedWrite"/>.</summary>
    public string? Present { get; set; }

    /// <summary>The revision of a commit that succeeded, and the newest one that a read saw; 0 where it is not known.</summary>
    public long Revision { get; set; }

    /// <summary>All keys that it touches.</summary>
    public IEnumerable<string> Keys => Writes.Select(write => write.Key).Concat(Reads);

    /// <inheritdoc/>
    public override string ToString()
    {
        var what = Writes.Count > 0
            ? "commit " + string.Join(", ", Writes.Select(write => $"{write.Key}={write.Value ?? "-"}{(write.Expected is { } expected ? $" if {(expected.Length == 0 ? "absent" : expected)}" : "")}"))
            : "read " + string.Join(", ", Reads.Zip(Found.Concat(Enumerable.Repeat<string?>(null, Reads.Count)), (key, value) => $"{key}:{value ?? "-"}"));
        var answer = Outcome == RecordedOutcome.Conflict ? $"Conflict at {FailedWrite} with {Present ?? "-"}" : Outcome.ToString();
        return $"[{Called},{(Returned == long.MaxValue ? "..." : Returned)}] {what} -> {answer}{(Revision > 0 ? $" @{Revision}" : "")}";
    }
}
