using System.Text.Json.Serialization;

namespace Gantry.Docker.Model;

/// <summary>ContainerConfig of the Engine API: what runs.</summary>
internal record ContainerConfigJson
{
    public string? Hostname { get; set; }
    public string? Domainname { get; set; }
    public string? User { get; set; }
    public bool AttachStdin { get; set; }
    public bool AttachStdout { get; set; }
    public bool AttachStderr { get; set; }
    public Dictionary<string, EmptyJson>? ExposedPorts { get; set; }
    public bool Tty { get; set; }
    public bool OpenStdin { get; set; }
    public bool StdinOnce { get; set; }
    public List<string>? Env { get; set; }
    [JsonConverter(typeof(StringOrListConverter))]
    public List<string>? Cmd { get; set; }
    public HealthcheckJson? Healthcheck { get; set; }
    public string? Image { get; set; }
    public Dictionary<string, EmptyJson>? Volumes { get; set; }
    public string? WorkingDir { get; set; }
    [JsonConverter(typeof(StringOrListConverter))]
    public List<string>? Entrypoint { get; set; }
    public List<string>? OnBuild { get; set; }
    public Dictionary<string, string>? Labels { get; set; }
    public string? StopSignal { get; set; }
    public int? StopTimeout { get; set; }
    public List<string>? Shell { get; set; }
    public string? MacAddress { get; set; }
    public bool? NetworkDisabled { get; set; }
}

internal sealed record EmptyJson;

internal sealed record HealthcheckJson
{
    public List<string>? Test { get; set; }
    public long? Interval { get; set; }
    public long? Timeout { get; set; }
    public long? StartPeriod { get; set; }
    public long? StartInterval { get; set; }
    public int? Retries { get; set; }
}

/// <summary>The body of POST /containers/create.</summary>
internal sealed record CreateContainerJson : ContainerConfigJson
{
    public HostConfigJson? HostConfig { get; set; }
    public NetworkingConfigJson? NetworkingConfig { get; set; }
}

internal sealed record NetworkingConfigJson
{
    public Dictionary<string, EndpointSettingsJson?>? EndpointsConfig { get; set; }
}

internal sealed record CreatedJson(string Id, List<string> Warnings);
