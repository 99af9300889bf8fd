namespace Gantry.Engine.Specs;

/// <summary>Which namespaces a container joins. A null path is a new namespace; <see cref="Host"/> is the host's own.</summary>
internal sealed record NamespacePlan
{
    internal const string Host = "host";

    /// <summary>The network namespace; never new: its sandbox made it.</summary>
    internal required string Network { get; init; }

    internal string? Ipc { get; init; }

    internal string? Uts { get; init; }

    internal string? Pid { get; init; }

    /// <summary>Directory to be mounted at /dev/shm where it is shared (a pod's, or another container's); null for a new tmpfs.</summary>
    internal string? SharedMemory { get; init; }
}
