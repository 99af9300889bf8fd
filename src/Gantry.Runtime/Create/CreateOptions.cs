using Gantry.Runtime.Launch;

namespace Gantry.Runtime.Create;

/// <summary>How a container is created, beside its bundle.</summary>
internal sealed record CreateOptions
{
    public required string Id { get; init; }

    public required string BundlePath { get; init; }

    public string? PidFile { get; init; }

    /// <summary>A unix socket that gets the terminal's master.</summary>
    public string? ConsoleSocket { get; init; }

    public bool NoPivot { get; init; }

    /// <summary>Go on without a cgroup where none may be made; null does so for everybody but the host's root.</summary>
    public bool? Rootless { get; init; }

    /// <summary>The group is a scope of systemd's.</summary>
    public bool SystemdCgroup { get; init; }

    /// <summary>How many descriptors from 3 on the container's program inherits.</summary>
    public int PreservedDescriptors { get; init; }

    /// <summary>How many of them are sockets that the program is told of (sd_listen_fds(3)).</summary>
    public int ListenDescriptors { get; init; }

    /// <summary>Gives the container a session keyring of its own.</summary>
    public bool NewKeyring { get; init; } = true;

    /// <summary>The terminal is this process's own to read: its lines end as they were written (no ONLCR).</summary>
    public bool IsForeground { get; init; }

    public StandardStreams Streams { get; init; } = StandardStreams.Inherited;

    /// <summary>CLONE_PARENT: the container becomes the child of this process's parent, the monitor.</summary>
    public bool AsSibling { get; init; }

    /// <summary>The container's first process is killed when its parent ends.</summary>
    public bool DiesWithParent { get; init; }
}
