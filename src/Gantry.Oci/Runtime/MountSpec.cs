namespace Gantry.Oci.Runtime;

/// <summary>One mount (config.md, "Mounts").</summary>
public sealed class MountSpec
{
    /// <summary>The absolute path inside the container.</summary>
    public string Destination { get; set; } = "";

    /// <summary>The file system type; ignored for bind mounts ("bind", "none" or null with option bind or rbind).</summary>
    public string? Type { get; set; }

    /// <summary>The device or, for a bind mount, the host path (absolute or relative to the bundle).</summary>
    public string? Source { get; set; }

    /// <summary>Mount flags, propagation and file system data, as fstab(5) writes them.</summary>
    public List<string>? Options { get; set; }

    /// <summary>Id mapping of the mount.</summary>
    public List<IdMappingSpec>? UidMappings { get; set; }

    /// <summary>Id mapping of the mount.</summary>
    public List<IdMappingSpec>? GidMappings { get; set; }
}

/// <summary>One extent of a user namespace's id map.</summary>
public sealed class IdMappingSpec
{
    /// <summary>First id inside the container.</summary>
    public uint ContainerID { get; set; }

    /// <summary>First id on the host.</summary>
    public uint HostID { get; set; }

    /// <summary>How many ids.</summary>
    public uint Size { get; set; }
}
