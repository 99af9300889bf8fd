using Gantry.Network.Ports;

namespace Gantry.Engine.Containers;

/// <summary>
/// What a container is asked to be. Null or empty parts take the image's values where the image has some, else Docker's
/// defaults. Not changed after the container was created, but by update and rename.
/// </summary>
public sealed record ContainerSpec
{
    /// <summary>The container's name; empty makes one up.</summary>
    public string Name { get; init; } = "";

    /// <summary>Image reference or id; empty together with <see cref="RootDirectory"/>.</summary>
    public string Image { get; init; } = "";

    /// <summary>A prepared, mounted root file system to run in instead of an image's (builds); the engine neither makes nor removes it.</summary>
    public string? RootDirectory { get; init; }

    /// <summary>Arguments; null takes the image's, unless the entry point is given.</summary>
    public List<string>? Command { get; init; }

    /// <summary>Entry point; null takes the image's, empty is none.</summary>
    public List<string>? Entrypoint { get; init; }

    /// <summary>NAME=value; laid over the image's. A name without '=' removes it.</summary>
    public List<string> Environment { get; init; } = [];

    /// <summary>Working directory; made when it does not exist.</summary>
    public string WorkingDirectory { get; init; } = "";

    /// <summary>user[:group], names or numbers; names are looked up in the container's own files.</summary>
    public string User { get; init; } = "";

    /// <summary>Supplementary groups, names or numbers.</summary>
    public List<string> Groups { get; init; } = [];

    /// <summary>Host name; empty is the first 12 digits of the id.</summary>
    public string HostName { get; init; } = "";

    /// <summary>Domain name.</summary>
    public string DomainName { get; init; } = "";

    /// <summary>Labels, laid over the image's.</summary>
    public Dictionary<string, string> Labels { get; init; } = [];

    /// <summary>With a pseudo terminal.</summary>
    public bool Terminal { get; init; }

    /// <summary>Standard input stays open for attachments.</summary>
    public bool OpenStdin { get; init; }

    /// <summary>Standard input ends with the first attachment.</summary>
    public bool StdinOnce { get; init; }

    /// <summary>Shown only: which streams the creator attaches.</summary>
    public bool AttachStdin { get; init; }

    /// <summary>Shown only.</summary>
    public bool AttachStdout { get; init; }

    /// <summary>Shown only.</summary>
    public bool AttachStderr { get; init; }

    /// <summary>Signal that stop sends; empty takes the image's, else SIGTERM.</summary>
    public string StopSignal { get; init; } = "";

    /// <summary>Seconds that stop waits; null takes the engine's.</summary>
    public int? StopTimeoutSeconds { get; init; }

    /// <summary>Ports that the container listens on, as 80/tcp; the image's are added.</summary>
    public List<string> ExposedPorts { get; init; } = [];

    /// <summary>Health check; null takes the image's.</summary>
    public HealthcheckSpec? Healthcheck { get; init; }

    /// <summary>Mounts.</summary>
    public List<ContainerMount> Mounts { get; init; } = [];

    /// <summary>Volumes are taken from these containers, as id[:ro].</summary>
    public List<string> VolumesFrom { get; init; } = [];

    /// <summary>bridge (or default), host, none, container:ID, or a network's name or id. Without meaning inside a sandbox.</summary>
    public string NetworkMode { get; init; } = "default";

    /// <summary>Settings of connections by network name or id.</summary>
    public Dictionary<string, EndpointSpec> Endpoints { get; init; } = [];

    /// <summary>Published ports.</summary>
    public List<PortMapping> Ports { get; init; } = [];

    /// <summary>Also publishes every exposed port on a free host port.</summary>
    public bool PublishAllPorts { get; init; }

    /// <summary>When it is started again.</summary>
    public RestartPolicy RestartPolicy { get; init; } = new("no", 0);

    /// <summary>Removed when it exits.</summary>
    public bool AutoRemove { get; init; }

    /// <summary>Limits.</summary>
    public ResourceSpec Resources { get; init; } = new();

    /// <summary>Privileges and confinement.</summary>
    public SecuritySpec Security { get; init; } = new();

    /// <summary>NAME=value kernel parameters.</summary>
    public Dictionary<string, string> Sysctls { get; init; } = [];

    /// <summary>name:address lines for /etc/hosts; the address may be host-gateway.</summary>
    public List<string> ExtraHosts { get; init; } = [];

    /// <summary>Name servers instead of the network's.</summary>
    public List<string> Dns { get; init; } = [];

    /// <summary>Search domains.</summary>
    public List<string> DnsSearch { get; init; } = [];

    /// <summary>Resolver options.</summary>
    public List<string> DnsOptions { get; init; } = [];

    /// <summary>Empty or private, host, or container:ID.</summary>
    public string IpcMode { get; init; } = "";

    /// <summary>Empty, host, or container:ID.</summary>
    public string PidMode { get; init; } = "";

    /// <summary>Empty or host.</summary>
    public string UtsMode { get; init; } = "";

    /// <summary>Cgroup below which the container's is made; empty is the engine's.</summary>
    public string CgroupParent { get; init; } = "";

    /// <summary>json-file, local (kept as json-file), none.</summary>
    public string LogDriver { get; init; } = "json-file";

    /// <summary>max-size, max-file.</summary>
    public Dictionary<string, string> LogOptions { get; init; } = [];

    /// <summary>Where the log is written; null is the container's own directory.</summary>
    public string? LogPath { get; init; }

    /// <summary>Name of an OCI runtime; empty is gantry-runtime.</summary>
    public string Runtime { get; init; } = "";

    /// <summary>An init process was asked for.</summary>
    public bool Init { get; init; }

    /// <summary>The sandbox whose network, IPC and UTS namespaces the container joins (a pod's); null for a container of its own.</summary>
    public string? SandboxId { get; init; }

    /// <summary>Terminal size at the start; null is unset.</summary>
    public TerminalSize? TerminalSize { get; init; }
}

/// <summary>Rows and columns.</summary>
public sealed record TerminalSize(ushort Columns, ushort Rows);

/// <summary>Settings of one network connection. <c>Address</c> and <c>HardwareAddress</c> empty are chosen.</summary>
public sealed record EndpointSpec
{
    /// <summary>Further names inside the network.</summary>
    public List<string> Aliases { get; init; } = [];

    /// <summary>Fixed address.</summary>
    public string Address { get; init; } = "";

    /// <summary>Fixed hardware address.</summary>
    public string HardwareAddress { get; init; } = "";
}

/// <summary>no, always, unless-stopped, or on-failure with a count (0: without limit).</summary>
public sealed record RestartPolicy(string Name, int MaximumRetryCount);

/// <summary>A health check (Docker's HEALTHCHECK). Zero durations take Docker's defaults: 30 s, 30 s, 0 s, 5 s; 3 retries.</summary>
public sealed record HealthcheckSpec
{
    /// <summary>["NONE"], ["CMD", ...] or ["CMD-SHELL", "..."]; empty inherits.</summary>
    public List<string> Test { get; init; } = [];

    /// <summary>Nanoseconds between checks.</summary>
    public long IntervalNs { get; init; }

    /// <summary>Nanoseconds that a check may take.</summary>
    public long TimeoutNs { get; init; }

    /// <summary>Nanoseconds in which failures do not count.</summary>
    public long StartPeriodNs { get; init; }

    /// <summary>Nanoseconds between checks in the start period.</summary>
    public long StartIntervalNs { get; init; }

    /// <summary>Failures in a row that make it unhealthy.</summary>
    public int Retries { get; init; }
}
