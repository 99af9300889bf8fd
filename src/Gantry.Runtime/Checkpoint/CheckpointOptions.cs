namespace Gantry.Runtime.Checkpoint;

/// <summary>What only a checkpoint is told.</summary>
internal sealed record CheckpointOptions
{
    public bool LeaveRunning { get; init; }

    /// <summary>Memory only; the container runs on.</summary>
    public bool PreDump { get; init; }

    /// <summary>The image of the pre-dump before this one, relative to the image path.</summary>
    public string? ParentPath { get; init; }

    public bool LinkRemap { get; init; }

    public bool TcpSkipInFlight { get; init; }

    /// <summary>Where memory goes instead of into the images.</summary>
    public (string Address, int Port)? PageServer { get; init; }

    /// <summary>Gets one byte, 0, when the lazy pages' server is ready.</summary>
    public int? StatusDescriptor { get; init; }
}
