namespace Gantry.Linux.Seccomp;

/// <summary>
/// Numbers of architectures or calls, from one up to the next range's: either they are told apart by their calls, or all that there
/// is to decide is the same.
/// </summary>
internal sealed record FilterRange(uint First, FilterDecision? Decision, List<FilterRange>? Calls);
