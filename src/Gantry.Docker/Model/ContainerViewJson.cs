namespace Gantry.Docker.Model;

/// <summary>GET /containers/{id}/json.</summary>
internal sealed record ContainerInspectJson
{
    public required string Id { get; init; }
    public required string Created { get; init; }
    public required string Path { get; init; }
    public required List<string> Args { get; init; }
    public required ContainerStateJson State { get; init; }
    public required string Image { get; init; }
    public required string ResolvConfPath { get; init; }
    public required string HostnamePath { get; init; }
    public required string HostsPath { get; init; }
    public required string LogPath { get; init; }
    public required string Name { get; init; }
    public int RestartCount { get; init; }
    public string Driver { get; init; } = "overlay2";
    public string Platform { get; init; } = "linux";
    public string MountLabel { get; init; } = "";
    public string ProcessLabel { get; init; } = "";
    public string AppArmorProfile { get; init; } = "";
    public List<string>? ExecIDs { get; init; }
    public required HostConfigJson HostConfig { get; init; }
    public GraphDriverJson? GraphDriver { get; init; }
    public long? SizeRw { get; init; }
    public long? SizeRootFs { get; init; }
    public required List<MountPointJson> Mounts { get; init; }
    public required ContainerConfigJson Config { get; init; }
    public required NetworkSettingsJson NetworkSettings { get; init; }
}

internal sealed record GraphDriverJson(string Name, Dictionary<string, string> Data);

internal sealed record ContainerStateJson
{
    public required string Status { get; init; }
    public bool Running { get; init; }
    public bool Paused { get; init; }
    public bool Restarting { get; init; }
    public bool OOMKilled { get; init; }
    public bool Dead { get; init; }
    public int Pid { get; init; }
    public int ExitCode { get; init; }
    public required string Error { get; init; }
    public required string StartedAt { get; init; }
    public required string FinishedAt { get; init; }
    public HealthJson? Health { get; init; }
}

internal sealed record HealthJson(string Status, int FailingStreak, List<HealthResultJson> Log);

internal sealed record HealthResultJson(string Start, string End, int ExitCode, string Output);

internal sealed record MountPointJson
{
    public required string Type { get; init; }
    public string? Name { get; init; }
    public required string Source { get; init; }
    public required string Destination { get; init; }
    public string? Driver { get; init; }
    public required string Mode { get; init; }
    public bool RW { get; init; }
    public required string Propagation { get; init; }
}

internal sealed record NetworkSettingsJson
{
    public string Bridge { get; init; } = "";
    public string SandboxID { get; init; } = "";
    public string SandboxKey { get; init; } = "";
    public Dictionary<string, List<PortBindingJson>?> Ports { get; init; } = [];
    public bool HairpinMode { get; init; }
    public string EndpointID { get; init; } = "";
    public string Gateway { get; init; } = "";
    public string IPAddress { get; init; } = "";
    public int IPPrefixLen { get; init; }
    public string IPv6Gateway { get; init; } = "";
    public string GlobalIPv6Address { get; init; } = "";
    public int GlobalIPv6PrefixLen { get; init; }
    public string LinkLocalIPv6Address { get; init; } = "";
    public int LinkLocalIPv6PrefixLen { get; init; }
    public string MacAddress { get; init; } = "";
    public Dictionary<string, EndpointSettingsJson?> Networks { get; init; } = [];
}

internal sealed record EndpointSettingsJson
{
    public IpamEndpointJson? IPAMConfig { get; set; }
    public List<string>? Links { get; set; }
    public List<string>? Aliases { get; set; }
    public string? MacAddress { get; set; }
    public Dictionary<string, string>? DriverOpts { get; set; }
    public string? NetworkID { get; set; }
    public string? EndpointID { get; set; }
    public string? Gateway { get; set; }
    public string? IPAddress { get; set; }
    public int IPPrefixLen { get; set; }
    public string? IPv6Gateway { get; set; }
    public string? GlobalIPv6Address { get; set; }
    public int GlobalIPv6PrefixLen { get; set; }
    public List<string>? DNSNames { get; set; }
}

internal sealed record IpamEndpointJson(string? IPv4Address, string? IPv6Address);

/// <summary>One entry of GET /containers/json.</summary>
internal sealed record ContainerSummaryJson
{
    public required string Id { get; init; }
    public required List<string> Names { get; init; }
    public required string Image { get; init; }
    public required string ImageID { get; init; }
    public required string Command { get; init; }
    public long Created { get; init; }
    public required List<PortJson> Ports { get; init; }
    public long? SizeRw { get; init; }
    public long? SizeRootFs { get; init; }
    public required Dictionary<string, string> Labels { get; init; }
    public required string State { get; init; }
    public required string Status { get; init; }
    public required SummaryHostConfigJson HostConfig { get; init; }
    public required SummaryNetworksJson NetworkSettings { get; init; }
    public required List<MountPointJson> Mounts { get; init; }
}

internal sealed record SummaryHostConfigJson(string NetworkMode);

internal sealed record SummaryNetworksJson(Dictionary<string, EndpointSettingsJson?> Networks);

internal sealed record PortJson(string? IP, ushort PrivatePort, ushort? PublicPort, string Type);
