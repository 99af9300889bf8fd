using Gantry.Oci.Runtime;
using Gantry.Runtime.Launch;

namespace Gantry.Runtime.Exec;

/// <summary>A further process for a running container.</summary>
internal sealed record ExecOptions
{
    public required string Id { get; init; }

    public required ProcessSpec Process { get; init; }

    public string? PidFile { get; init; }

    public string? ConsoleSocket { get; init; }

    public int PreservedDescriptors { get; init; }

    public StandardStreams Streams { get; init; } = StandardStreams.Inherited;

    public bool AsSibling { get; init; }
}
