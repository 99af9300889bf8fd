using Gantry.Oci.Runtime;
using Gantry.Runtime.Launch;
using Gantry.Runtime.State;

namespace Gantry.Runtime.Exec;

/// <summary>A further process for a running container.</summary>
internal sealed record ExecOptions
{
    public required string Id { get; init; }

    public required ProcessSpec Process { get; init; }

    /// <summary>The container's record, if it has been read already.</summary>
    public ContainerRecord? Record { get; init; }

    /// <summary>The container's configuration, if it has been read already.</summary>
    public RuntimeSpec? Configuration { get; init; }

    public string? PidFile { get; init; }

    public string? ConsoleSocket { get; init; }

    public int PreservedDescriptors { get; init; }

    /// <summary>How many of the preserved descriptors are sockets that the program is told of (sd_listen_fds(3)).</summary>
    public int ListenDescriptors { get; init; }

    /// <summary>The terminal is this process's own to read: its lines end as they were written (no ONLCR).</summary>
    public bool IsForeground { get; init; }

    public StandardStreams Streams { get; init; } = StandardStreams.Inherited;

    public bool AsSibling { get; init; }

    /// <summary>A paused container is no error; the process then starts when it is resumed.</summary>
    public bool IgnorePaused { get; init; }

    /// <summary>See <see cref="Exec.SubGroups"/>; null is the container's own group.</summary>
    public IReadOnlyDictionary<string, string>? SubGroups { get; init; }
}
