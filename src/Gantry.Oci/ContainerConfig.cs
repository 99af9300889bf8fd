using System.Text.Json.Serialization;

namespace Gantry.Oci;

/// <summary>
/// How containers of an image run: the <c>config</c> object of an image configuration, with the fields that docker adds
/// (Healthcheck, OnBuild, Shell). Sets are objects whose values are empty, as in Go's <c>map[string]struct{}</c>.
/// </summary>
public sealed record ContainerConfig
{
    /// <summary><c>user[:group]</c>, by name or number.</summary>
    public string? User { get; set; }

    /// <summary>Ports such as <c>80/tcp</c>.</summary>
    public Dictionary<string, EmptyObject>? ExposedPorts { get; set; }

    /// <summary><c>NAME=value</c>.</summary>
    public IReadOnlyList<string>? Env { get; set; }

    /// <summary>The program and its first arguments.</summary>
    public IReadOnlyList<string>? Entrypoint { get; set; }

    /// <summary>The default arguments.</summary>
    public IReadOnlyList<string>? Cmd { get; set; }

    /// <summary>Paths that get a volume.</summary>
    public Dictionary<string, EmptyObject>? Volumes { get; set; }

    /// <summary>The working directory.</summary>
    public string? WorkingDir { get; set; }

    /// <summary>Labels.</summary>
    public Dictionary<string, string>? Labels { get; set; }

    /// <summary>The signal that asks the container to stop.</summary>
    public string? StopSignal { get; set; }

    /// <summary>Seconds between the stop signal and the kill.</summary>
    public int? StopTimeout { get; set; }

    /// <summary>The health check.</summary>
    public HealthConfig? Healthcheck { get; set; }

    /// <summary>Instructions for images built from this one.</summary>
    public IReadOnlyList<string>? OnBuild { get; set; }

    /// <summary>The shell of the shell form.</summary>
    public IReadOnlyList<string>? Shell { get; set; }

    /// <summary>Windows: the command is one escaped string.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool ArgsEscaped { get; set; }
}

/// <summary>An object without fields.</summary>
public sealed record EmptyObject
{
    /// <summary>The one instance.</summary>
    public static EmptyObject Instance { get; } = new();
}

/// <summary>A health check; times are in nanoseconds, zero or null means inherited or default.</summary>
public sealed record HealthConfig
{
    /// <summary><c>NONE</c>, <c>CMD args...</c> or <c>CMD-SHELL command</c>.</summary>
    public IReadOnlyList<string>? Test { get; set; }

    /// <summary>Time between checks.</summary>
    public long? Interval { get; set; }

    /// <summary>Time after which a check has failed.</summary>
    public long? Timeout { get; set; }

    /// <summary>Time in which failures do not count.</summary>
    public long? StartPeriod { get; set; }

    /// <summary>Time between checks in the start period.</summary>
    public long? StartInterval { get; set; }

    /// <summary>Failures in a row that make the container unhealthy.</summary>
    public int? Retries { get; set; }
}
