namespace Gantry.Docker.Model;

/// <summary>HostConfig of the Engine API: how it runs on this machine.</summary>
internal record HostConfigJson : ResourcesJson
{
    public List<string>? Binds { get; set; }
    public string? ContainerIDFile { get; set; }
    public LogConfigJson? LogConfig { get; set; }
    public string? NetworkMode { get; set; }
    public Dictionary<string, List<PortBindingJson>?>? PortBindings { get; set; }
    public RestartPolicyJson? RestartPolicy { get; set; }
    public bool AutoRemove { get; set; }
    public string? VolumeDriver { get; set; }
    public List<string>? VolumesFrom { get; set; }
    public List<MountJson>? Mounts { get; set; }
    public List<int>? ConsoleSize { get; set; }
    public Dictionary<string, string>? Annotations { get; set; }
    public List<string>? CapAdd { get; set; }
    public List<string>? CapDrop { get; set; }
    public string? CgroupnsMode { get; set; }
    public List<string>? Dns { get; set; }
    public List<string>? DnsOptions { get; set; }
    public List<string>? DnsSearch { get; set; }
    public List<string>? ExtraHosts { get; set; }
    public List<string>? GroupAdd { get; set; }
    public string? IpcMode { get; set; }
    public string? Cgroup { get; set; }
    public List<string>? Links { get; set; }
    public int OomScoreAdj { get; set; }
    public string? PidMode { get; set; }
    public bool Privileged { get; set; }
    public bool PublishAllPorts { get; set; }
    public bool ReadonlyRootfs { get; set; }
    public List<string>? SecurityOpt { get; set; }
    public Dictionary<string, string>? StorageOpt { get; set; }
    public Dictionary<string, string>? Tmpfs { get; set; }
    public string? UTSMode { get; set; }
    public string? UsernsMode { get; set; }
    public long ShmSize { get; set; }
    public Dictionary<string, string>? Sysctls { get; set; }
    public string? Runtime { get; set; }
    public string? Isolation { get; set; }
    public List<string>? MaskedPaths { get; set; }
    public List<string>? ReadonlyPaths { get; set; }
    public bool? Init { get; set; }
}

/// <summary>Resources of the Engine API.</summary>
internal record ResourcesJson
{
    public long CpuShares { get; set; }
    public long Memory { get; set; }
    public long NanoCpus { get; set; }
    public string? CgroupParent { get; set; }
    public int BlkioWeight { get; set; }
    public long CpuPeriod { get; set; }
    public long CpuQuota { get; set; }
    public string? CpusetCpus { get; set; }
    public string? CpusetMems { get; set; }
    public List<DeviceMappingJson>? Devices { get; set; }
    public List<string>? DeviceCgroupRules { get; set; }
    public long MemoryReservation { get; set; }
    public long MemorySwap { get; set; }
    public long? MemorySwappiness { get; set; }
    public bool? OomKillDisable { get; set; }
    public long? PidsLimit { get; set; }
    public List<UlimitJson>? Ulimits { get; set; }
    public List<EmptyJson>? DeviceRequests { get; set; }
}

/// <summary>The body of POST /containers/{id}/update.</summary>
internal sealed record UpdateContainerJson : ResourcesJson
{
    public RestartPolicyJson? RestartPolicy { get; set; }
}

internal sealed record LogConfigJson(string? Type, Dictionary<string, string>? Config);

internal sealed record PortBindingJson(string? HostIp, string? HostPort);

internal sealed record RestartPolicyJson(string? Name, int MaximumRetryCount);

internal sealed record DeviceMappingJson(string? PathOnHost, string? PathInContainer, string? CgroupPermissions);

internal sealed record UlimitJson(string Name, long Soft, long Hard);

internal sealed record MountJson
{
    public string? Target { get; set; }
    public string? Source { get; set; }
    public string? Type { get; set; }
    public bool ReadOnly { get; set; }
    public string? Consistency { get; set; }
    public BindOptionsJson? BindOptions { get; set; }
    public VolumeOptionsJson? VolumeOptions { get; set; }
    public TmpfsOptionsJson? TmpfsOptions { get; set; }
}

internal sealed record BindOptionsJson(string? Propagation, bool NonRecursive, bool CreateMountpoint);

internal sealed record VolumeOptionsJson
{
    public bool NoCopy { get; set; }
    public Dictionary<string, string>? Labels { get; set; }
    public VolumeDriverJson? DriverConfig { get; set; }
    public string? Subpath { get; set; }
}

internal sealed record VolumeDriverJson(string? Name, Dictionary<string, string>? Options);

internal sealed record TmpfsOptionsJson(long SizeBytes, uint Mode);
