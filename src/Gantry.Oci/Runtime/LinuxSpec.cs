namespace Gantry.Oci.Runtime;

/// <summary>config.json's "linux" (config-linux.md).</summary>
public sealed class LinuxSpec
{
    /// <summary>Namespaces to make or join; a type that is not listed is inherited from the runtime.</summary>
    public List<NamespaceSpec>? Namespaces { get; set; }

    /// <summary>User id map of a new user namespace.</summary>
    public List<IdMappingSpec>? UidMappings { get; set; }

    /// <summary>Group id map of a new user namespace.</summary>
    public List<IdMappingSpec>? GidMappings { get; set; }

    /// <summary>Device nodes beside the default ones.</summary>
    public List<DeviceSpec>? Devices { get; set; }

    /// <summary>The cgroup's path; absolute is relative to the hierarchies' roots.</summary>
    public string? CgroupsPath { get; set; }

    /// <summary>Limits.</summary>
    public ResourcesSpec? Resources { get; set; }

    /// <summary>Root propagation: private, slave, shared or unbindable.</summary>
    public string? RootfsPropagation { get; set; }

    /// <summary>System call filter.</summary>
    public SeccompSpec? Seccomp { get; set; }

    /// <summary>Kernel parameters by dotted name.</summary>
    public Dictionary<string, string>? Sysctl { get; set; }

    /// <summary>Paths that are made unreadable.</summary>
    public List<string>? MaskedPaths { get; set; }

    /// <summary>Paths that are made read-only.</summary>
    public List<string>? ReadonlyPaths { get; set; }

    /// <summary>SELinux context of mounts.</summary>
    public string? MountLabel { get; set; }

    /// <summary>Offsets of a new time namespace, by clock: monotonic and boottime.</summary>
    public Dictionary<string, TimeOffsetSpec>? TimeOffsets { get; set; }

    /// <summary>Execution domain.</summary>
    public PersonalitySpec? Personality { get; set; }

    /// <summary>Cache and memory bandwidth allocation.</summary>
    public IntelRdtSpec? IntelRdt { get; set; }

    /// <summary>Where memory is taken from.</summary>
    public MemoryPolicySpec? MemoryPolicy { get; set; }

    /// <summary>Network devices that move into the container, by their names on the host.</summary>
    public Dictionary<string, NetDeviceSpec>? NetDevices { get; set; }
}

/// <summary>One namespace.</summary>
public sealed class NamespaceSpec
{
    /// <summary>pid, network, mount, ipc, uts, user, cgroup or time.</summary>
    public string Type { get; set; } = "";

    /// <summary>The namespace file to join; null makes a new one.</summary>
    public string? Path { get; set; }
}

/// <summary>A device node to make.</summary>
public sealed class DeviceSpec
{
    /// <summary>c, b, u or p.</summary>
    public string Type { get; set; } = "";

    /// <summary>The path inside the container.</summary>
    public string Path { get; set; } = "";

    /// <summary>Major number.</summary>
    public long Major { get; set; }

    /// <summary>Minor number.</summary>
    public long Minor { get; set; }

    /// <summary>Permission bits; null is 0666.</summary>
    public uint? FileMode { get; set; }

    /// <summary>Owner.</summary>
    public uint? Uid { get; set; }

    /// <summary>Group.</summary>
    public uint? Gid { get; set; }
}
