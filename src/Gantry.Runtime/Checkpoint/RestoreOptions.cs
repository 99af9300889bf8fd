using Gantry.Runtime.Create;

namespace Gantry.Runtime.Checkpoint;

/// <summary>What only a restore is told.</summary>
internal sealed record RestoreOptions
{
    /// <summary>The bundle, pid file, console socket and so on, as for a creation.</summary>
    public required CreateOptions Create { get; init; }

    /// <summary>TYPE:NAME of a security profile to restore with.</summary>
    public string? LsmProfile { get; init; }

    public string? LsmMountContext { get; init; }
}
