namespace Gantry.Engine.Containers;

/// <summary>How a mount gets its content.</summary>
public enum ContainerMountKind
{
    /// <summary>A path of the host.</summary>
    Bind,

    /// <summary>A volume of the engine.</summary>
    Volume,

    /// <summary>Memory.</summary>
    Tmpfs,
}

/// <summary>One mount of a container.</summary>
public sealed record ContainerMount
{
    /// <summary>What is mounted.</summary>
    public required ContainerMountKind Kind { get; init; }

    /// <summary>Host path of a bind; name of a volume (empty: an anonymous one).</summary>
    public string Source { get; init; } = "";

    /// <summary>Absolute path in the container.</summary>
    public required string Target { get; init; }

    /// <summary>Not writable.</summary>
    public bool ReadOnly { get; init; }

    /// <summary>private, rprivate, slave, rslave, shared, rshared; empty is rprivate.</summary>
    public string Propagation { get; init; } = "";

    /// <summary>A bind's missing source is made as a directory (-v), instead of being an error (--mount).</summary>
    public bool CreateSource { get; init; }

    /// <summary>A bind without the mounts below its source.</summary>
    public bool NonRecursive { get; init; }

    /// <summary>An empty volume does not get the image's files at the target.</summary>
    public bool NoCopy { get; init; }

    /// <summary>Mount options of a tmpfs, such as size=64m or mode=1770.</summary>
    public List<string> Options { get; init; } = [];

    /// <summary>Driver of a volume that is made; only local.</summary>
    public string VolumeDriver { get; init; } = "local";

    /// <summary>Labels of a volume that is made.</summary>
    public Dictionary<string, string> VolumeLabels { get; init; } = [];

    /// <summary>Driver options of a volume that is made.</summary>
    public Dictionary<string, string> VolumeOptions { get; init; } = [];

    /// <summary>As the user wrote it: shown in inspect.</summary>
    public string Mode { get; init; } = "";

    /// <summary>A path below the volume's root.</summary>
    public string SubPath { get; init; } = "";
}
