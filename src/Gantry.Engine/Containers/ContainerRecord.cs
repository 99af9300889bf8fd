using System.Text.Json.Serialization;

namespace Gantry.Engine.Containers;

/// <summary>Where a container is in its life. Docker's words.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<ContainerStatus>))]
public enum ContainerStatus
{
    /// <summary>Never started.</summary>
    Created,

    /// <summary>Its first process runs.</summary>
    Running,

    /// <summary>Frozen.</summary>
    Paused,

    /// <summary>Exited and about to be started again.</summary>
    Restarting,

    /// <summary>Being removed.</summary>
    Removing,

    /// <summary>Its first process has ended.</summary>
    Exited,

    /// <summary>Removal failed.</summary>
    Dead,
}

/// <summary>A mount with its source resolved: shown in inspect.</summary>
public sealed record MountPoint
{
    /// <summary>The kind.</summary>
    public required ContainerMountKind Kind { get; init; }

    /// <summary>Name of the volume; empty for others.</summary>
    public string Name { get; init; } = "";

    /// <summary>Path on the host; empty for tmpfs.</summary>
    public string Source { get; init; } = "";

    /// <summary>Path in the container.</summary>
    public required string Destination { get; init; }

    /// <summary>As the user wrote it.</summary>
    public string Mode { get; init; } = "";

    /// <summary>Writable.</summary>
    public bool Writable { get; init; } = true;

    /// <summary>Mount propagation.</summary>
    public string Propagation { get; init; } = "";

    /// <summary>A bind with the mounts below its source.</summary>
    public bool Recursive { get; init; } = true;

    /// <summary>Mount options of a tmpfs.</summary>
    public List<string> Options { get; init; } = [];

    /// <summary>The volume was made for this container alone, without a name: removed with it on request.</summary>
    public bool Anonymous { get; init; }
}

/// <summary>The outcome of one health check.</summary>
public sealed record HealthResult(DateTimeOffset Start, DateTimeOffset End, int ExitCode, string Output);

/// <summary>A container's health: none (no check), starting, healthy, unhealthy; the last five results.</summary>
public sealed record HealthStatus(string Status, int FailingStreak, IReadOnlyList<HealthResult> Log);

/// <summary>
/// A container as it is stored and shown: an immutable snapshot. The spec has the image's values merged in.
/// </summary>
public sealed record ContainerRecord
{
    /// <summary>64 hexadecimal digits.</summary>
    public required string Id { get; init; }

    /// <summary>Unique name, without a slash.</summary>
    public required string Name { get; init; }

    /// <summary>When it was created.</summary>
    public DateTimeOffset CreatedAt { get; init; }

    /// <summary>The spec with the image's values merged in.</summary>
    public required ContainerSpec Spec { get; init; }

    /// <summary>The image's id (sha256:...); empty without an image.</summary>
    public string ImageId { get; init; } = "";

    /// <summary>The command line: entry point and arguments.</summary>
    public List<string> Arguments { get; init; } = [];

    /// <summary>Resolved mounts.</summary>
    public List<MountPoint> MountPoints { get; init; } = [];

    /// <summary>Where it is in its life.</summary>
    public ContainerStatus Status { get; init; }

    /// <summary>Process id of the first process in the host's pid namespace; 0 when it does not run.</summary>
    public int Pid { get; init; }

    /// <summary>The last exit code.</summary>
    public int ExitCode { get; init; }

    /// <summary>The kernel killed it for want of memory.</summary>
    public bool OomKilled { get; init; }

    /// <summary>Why the last start failed.</summary>
    public string Error { get; init; } = "";

    /// <summary>When it was last started.</summary>
    public DateTimeOffset? StartedAt { get; init; }

    /// <summary>When it last ended.</summary>
    public DateTimeOffset? FinishedAt { get; init; }

    /// <summary>How often the restart policy started it.</summary>
    public int RestartCount { get; init; }

    /// <summary>A user stopped it: the policy unless-stopped then leaves it, also over a restart of gantryd.</summary>
    public bool StoppedByUser { get; init; }

    /// <summary>Health; null without a check. Not stored: it begins anew with gantryd.</summary>
    [JsonIgnore]
    public HealthStatus? Health { get; init; }

    /// <summary>Whether a process runs.</summary>
    [JsonIgnore]
    public bool IsRunning => Status is ContainerStatus.Running or ContainerStatus.Paused;

    /// <summary>The first 12 digits of the id.</summary>
    [JsonIgnore]
    public string ShortId => Id[..12];
}
