namespace Gantry.Docker.Model;

internal sealed record VersionJson
{
    public required VersionPlatformJson Platform { get; init; }
    public required List<VersionComponentJson> Components { get; init; }
    public required string Version { get; init; }
    public required string ApiVersion { get; init; }
    public required string MinAPIVersion { get; init; }
    public string GitCommit { get; init; } = "";
    public string GoVersion { get; init; } = "";
    public string Os { get; init; } = "linux";
    public required string Arch { get; init; }
    public required string KernelVersion { get; init; }
    public string BuildTime { get; init; } = "";
}

internal sealed record VersionPlatformJson(string Name);

internal sealed record VersionComponentJson(string Name, string Version, Dictionary<string, string> Details);

internal sealed record InfoJson
{
    public required string ID { get; init; }
    public int Containers { get; init; }
    public int ContainersRunning { get; init; }
    public int ContainersPaused { get; init; }
    public int ContainersStopped { get; init; }
    public int Images { get; init; }
    public string Driver { get; init; } = "overlay2";
    public List<List<string>> DriverStatus { get; init; } = [["Backing Filesystem", "extfs"], ["Supports d_type", "true"]];
    public required string DockerRootDir { get; init; }
    public PluginsJson Plugins { get; init; } = new(["local"], ["bridge", "host", "null"], null, ["json-file", "local", "none"]);
    public bool MemoryLimit { get; init; } = true;
    public bool SwapLimit { get; init; } = true;
    public bool CpuCfsPeriod { get; init; } = true;
    public bool CpuCfsQuota { get; init; } = true;
    public bool CPUShares { get; init; } = true;
    public bool CPUSet { get; init; } = true;
    public bool PidsLimit { get; init; } = true;
    public bool OomKillDisable { get; init; }
    public bool IPv4Forwarding { get; init; } = true;
    public bool Debug { get; init; }
    public int NFd { get; init; }
    public int NGoroutines { get; init; }
    public required string SystemTime { get; init; }
    public string LoggingDriver { get; init; } = "json-file";
    public string CgroupDriver { get; init; } = "cgroupfs";
    public required string CgroupVersion { get; init; }
    public int NEventsListener { get; init; }
    public required string KernelVersion { get; init; }
    public required string OperatingSystem { get; init; }
    public string OSVersion { get; init; } = "";
    public string OSType { get; init; } = "linux";
    public required string Architecture { get; init; }
    public int NCPU { get; init; }
    public long MemTotal { get; init; }
    public string IndexServerAddress { get; init; } = "https://index.docker.io/v1/";
    public required RegistryConfigJson RegistryConfig { get; init; }
    public string HttpProxy { get; init; } = "";
    public string HttpsProxy { get; init; } = "";
    public string NoProxy { get; init; } = "";
    public required string Name { get; init; }
    public List<string> Labels { get; init; } = [];
    public bool ExperimentalBuild { get; init; }
    public required string ServerVersion { get; init; }
    public required Dictionary<string, RuntimeJson> Runtimes { get; init; }
    public string DefaultRuntime { get; init; } = "gantry";
    public SwarmJson Swarm { get; init; } = new("", "", "inactive", false, "");
    public bool LiveRestoreEnabled { get; init; } = true;
    public string Isolation { get; init; } = "";
    public string InitBinary { get; init; } = "";
    public CommitJson ContainerdCommit { get; init; } = new("");
    public CommitJson RuncCommit { get; init; } = new("");
    public CommitJson InitCommit { get; init; } = new("");
    public List<string> SecurityOptions { get; init; } = ["name=seccomp,profile=builtin"];
    public List<string> Warnings { get; init; } = [];
}

internal sealed record PluginsJson(List<string> Volume, List<string> Network, List<string>? Authorization, List<string> Log);

internal sealed record RegistryConfigJson(List<string> InsecureRegistryCIDRs, Dictionary<string, IndexJson> IndexConfigs, List<string> Mirrors);

internal sealed record IndexJson(string Name, List<string> Mirrors, bool Secure, bool Official);

internal sealed record RuntimeJson
{
    [System.Text.Json.Serialization.JsonPropertyName("path")]
    public required string Path { get; init; }
}

internal sealed record SwarmJson(string NodeID, string NodeAddr, string LocalNodeState, bool ControlAvailable, string Error);

internal sealed record CommitJson(string ID);
