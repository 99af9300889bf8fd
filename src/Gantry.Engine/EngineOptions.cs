namespace Gantry.Engine;

/// <summary>Where one instance's engine keeps its things.</summary>
public sealed record EngineOptions
{
    /// <summary>Durable root, for example /var/lib/gantry: containers/ and volumes/ are made below it.</summary>
    public required string RootDirectory { get; init; }

    /// <summary>Volatile run directory, for example /run/gantry: monitor sockets and the runtime's state.</summary>
    public required string RunDirectory { get; init; }

    /// <summary>Path of the gantry-runtime binary.</summary>
    public required string RuntimePath { get; init; }

    /// <summary>Other OCI runtimes that a container may ask for by name, for example crun: /usr/bin/crun.</summary>
    public IReadOnlyDictionary<string, string> OciRuntimes { get; init; } = new Dictionary<string, string>();

    /// <summary>Cgroup below which containers without a parent of their own are made; one for each instance.</summary>
    public required string CgroupParent { get; init; }

    /// <summary>How long stop waits for a container before it is killed. Docker's default.</summary>
    public TimeSpan StopTimeout { get; init; } = TimeSpan.FromSeconds(10);

    internal string ContainersDirectory => Path.Combine(RootDirectory, "containers");

    internal string VolumesDirectory => Path.Combine(RootDirectory, "volumes");

    internal string RuntimeRoot => Path.Combine(RunDirectory, "runtime");

    internal string SocketDirectory => Path.Combine(RunDirectory, "monitors");
}
