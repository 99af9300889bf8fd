namespace Gantry.Linux.Seccomp;

/// <summary>
/// What a filter does when architecture and call are known: returns an action, or tests half of an argument. Equal ones are one
/// object (<see cref="FilterReader"/>).
/// </summary>
/// <param name="Test">The test, with its constant; <see cref="FilterInstruction.Return"/> with the action at the end.</param>
/// <param name="Offset">Of the tested word in struct seccomp_data.</param>
/// <param name="Mask">What of the word is looked at.</param>
/// <param name="WhenTrue">What comes then.</param>
/// <param name="WhenFalse">What comes otherwise.</param>
internal sealed record FilterDecision(
    FilterInstruction Test, uint Offset = 0, uint Mask = uint.MaxValue, FilterDecision? WhenTrue = null, FilterDecision? WhenFalse = null)
{
    public bool IsAction => WhenTrue is null;

    // The branches are compared as objects: a record's own comparison would walk through all that is below.
    public bool Equals(FilterDecision? other) =>
        other is not null && Test == other.Test && Offset == other.Offset && Mask == other.Mask
        && ReferenceEquals(WhenTrue, other.WhenTrue) && ReferenceEquals(WhenFalse, other.WhenFalse);

    public override int GetHashCode() => HashCode.Combine(Test, Offset, Mask, Id(WhenTrue), Id(WhenFalse));

    private static int Id(object? decision) =>
        decision is null ? 0 : System.Runtime.CompilerServices.RuntimeHelpers.GetHashCode(decision);
}
