using System.Text.Json.Nodes;
using System.Text.Json.Serialization;

namespace Gantry.Docker.Model;

internal sealed record ErrorJson([property: JsonPropertyName("message")] string Message);

internal sealed record WaitJson(int StatusCode, WaitErrorJson? Error);

internal sealed record WaitErrorJson(string Message);

internal sealed record TopJson(List<string> Titles, List<List<string>> Processes);

internal sealed record UpdatedJson(List<string> Warnings);

internal sealed record ExecCreateJson
{
    public string? User { get; set; }
    public bool Privileged { get; set; }
    public bool Tty { get; set; }
    public List<int>? ConsoleSize { get; set; }
    public bool AttachStdin { get; set; }
    public bool AttachStderr { get; set; }
    public bool AttachStdout { get; set; }
    public bool Detach { get; set; }
    public string? DetachKeys { get; set; }
    public List<string>? Env { get; set; }
    public string? WorkingDir { get; set; }
    public List<string>? Cmd { get; set; }
}

internal sealed record ExecStartJson
{
    public bool Detach { get; set; }
    public bool Tty { get; set; }
    public List<int>? ConsoleSize { get; set; }
}

internal sealed record IdJson(string Id);

internal sealed record ExecInspectJson
{
    public required string ID { get; init; }
    public bool Running { get; init; }
    public int? ExitCode { get; init; }
    public required ExecProcessJson ProcessConfig { get; init; }
    public bool OpenStdin { get; init; }
    public bool OpenStderr { get; init; }
    public bool OpenStdout { get; init; }
    public bool CanRemove { get; init; }
    public required string ContainerID { get; init; }
    public string DetachKeys { get; init; } = "";
    public int Pid { get; init; }
}

internal sealed record ExecProcessJson
{
    [JsonPropertyName("tty")]
    public bool Tty { get; init; }

    [JsonPropertyName("entrypoint")]
    public required string Entrypoint { get; init; }

    [JsonPropertyName("arguments")]
    public required List<string> Arguments { get; init; }

    [JsonPropertyName("privileged")]
    public bool Privileged { get; init; }

    [JsonPropertyName("user")]
    public string? User { get; init; }
}

internal sealed record EventJson
{
    [JsonPropertyName("status")]
    public string? Status { get; init; }

    [JsonPropertyName("id")]
    public string? Id { get; init; }

    [JsonPropertyName("from")]
    public string? From { get; init; }

    public required string Type { get; init; }

    public required string Action { get; init; }

    public required EventActorJson Actor { get; init; }

    [JsonPropertyName("scope")]
    public string Scope { get; init; } = "local";

    [JsonPropertyName("time")]
    public long Time { get; init; }

    [JsonPropertyName("timeNano")]
    public long TimeNano { get; init; }
}

internal sealed record EventActorJson(string ID, IReadOnlyDictionary<string, string> Attributes);

internal sealed record VolumeJson
{
    public required string CreatedAt { get; init; }
    public string Driver { get; init; } = "local";
    public Dictionary<string, string>? Labels { get; init; }
    public required string Mountpoint { get; init; }
    public required string Name { get; init; }
    public Dictionary<string, string>? Options { get; init; }
    public string Scope { get; init; } = "local";
    public VolumeUsageJson? UsageData { get; init; }
}

internal sealed record VolumeUsageJson(long Size, int RefCount);

internal sealed record VolumeListJson(List<VolumeJson> Volumes, List<string> Warnings);

internal sealed record VolumeCreateJson
{
    public string? Name { get; set; }
    public string? Driver { get; set; }
    public Dictionary<string, string>? DriverOpts { get; set; }
    public Dictionary<string, string>? Labels { get; set; }
}

internal sealed record NetworkJson
{
    public required string Name { get; init; }
    public required string Id { get; init; }
    public required string Created { get; init; }
    public string Scope { get; init; } = "local";
    public required string Driver { get; init; }
    public bool EnableIPv4 { get; init; } = true;
    public bool EnableIPv6 { get; init; }
    public required IpamJson IPAM { get; init; }
    public bool Internal { get; init; }
    public bool Attachable { get; init; }
    public bool Ingress { get; init; }
    public ConfigFromJson ConfigFrom { get; init; } = new("");
    public bool ConfigOnly { get; init; }
    public Dictionary<string, NetworkContainerJson> Containers { get; init; } = [];
    public required Dictionary<string, string> Options { get; init; }
    public required Dictionary<string, string> Labels { get; init; }
}

internal sealed record ConfigFromJson(string Network);

internal sealed record NetworkContainerJson(string Name, string EndpointID, string MacAddress, string IPv4Address, string IPv6Address);

internal sealed record IpamJson
{
    public string? Driver { get; set; } = "default";
    public Dictionary<string, string>? Options { get; set; }
    public List<IpamConfigJson>? Config { get; set; }
}

internal sealed record IpamConfigJson
{
    public string? Subnet { get; set; }
    public string? IPRange { get; set; }
    public string? Gateway { get; set; }
    public Dictionary<string, string>? AuxiliaryAddresses { get; set; }
}

internal sealed record NetworkCreateJson
{
    public string? Name { get; set; }
    public bool CheckDuplicate { get; set; }
    public string? Driver { get; set; }
    public string? Scope { get; set; }
    public bool Internal { get; set; }
    public bool Attachable { get; set; }
    public bool Ingress { get; set; }
    public bool ConfigOnly { get; set; }
    public IpamJson? IPAM { get; set; }
    public bool? EnableIPv4 { get; set; }
    public bool? EnableIPv6 { get; set; }
    public Dictionary<string, string>? Options { get; set; }
    public Dictionary<string, string>? Labels { get; set; }
}

internal sealed record NetworkCreatedJson(string Id, string Warning);

internal sealed record NetworkConnectJson(string? Container, EndpointSettingsJson? EndpointConfig, bool Force);

internal sealed record AuthJson
{
    [JsonPropertyName("username")]
    public string? Username { get; set; }

    [JsonPropertyName("password")]
    public string? Password { get; set; }

    [JsonPropertyName("auth")]
    public string? Auth { get; set; }

    [JsonPropertyName("email")]
    public string? Email { get; set; }

    [JsonPropertyName("serveraddress")]
    public string? ServerAddress { get; set; }

    [JsonPropertyName("identitytoken")]
    public string? IdentityToken { get; set; }

    [JsonPropertyName("registrytoken")]
    public string? RegistryToken { get; set; }
}

internal sealed record AuthResultJson(string Status, string IdentityToken);

/// <summary>One line of a progress stream (images/create, push, build, load).</summary>
internal sealed record ProgressJson
{
    [JsonPropertyName("stream")]
    public string? Stream { get; init; }

    [JsonPropertyName("status")]
    public string? Status { get; init; }

    [JsonPropertyName("progressDetail")]
    public ProgressDetailJson? ProgressDetail { get; init; }

    [JsonPropertyName("progress")]
    public string? Progress { get; init; }

    [JsonPropertyName("id")]
    public string? Id { get; init; }

    [JsonPropertyName("errorDetail")]
    public ErrorDetailJson? ErrorDetail { get; init; }

    [JsonPropertyName("error")]
    public string? Error { get; init; }

    [JsonPropertyName("aux")]
    public JsonObject? Aux { get; init; }
}

internal sealed record ProgressDetailJson
{
    [JsonPropertyName("current")]
    public long? Current { get; init; }

    [JsonPropertyName("total")]
    public long? Total { get; init; }
}

internal sealed record ErrorDetailJson
{
    [JsonPropertyName("code")]
    public int? Code { get; init; }

    [JsonPropertyName("message")]
    public required string Message { get; init; }
}

internal sealed record PathStatJson
{
    [JsonPropertyName("name")]
    public required string Name { get; init; }

    [JsonPropertyName("size")]
    public long Size { get; init; }

    [JsonPropertyName("mode")]
    public uint Mode { get; init; }

    [JsonPropertyName("mtime")]
    public required string Modified { get; init; }

    [JsonPropertyName("linkTarget")]
    public required string LinkTarget { get; init; }
}

internal sealed record ChangeJson(string Path, int Kind);
