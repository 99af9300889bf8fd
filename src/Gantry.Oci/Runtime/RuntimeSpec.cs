namespace Gantry.Oci.Runtime;

/// <summary>
/// A bundle's config.json (OCI runtime-spec 1.2, config.md and config-linux.md). Absent members are null and are left out
/// when written. Read and write it with <see cref="RuntimeSpecJson"/>.
/// </summary>
public sealed class RuntimeSpec
{
    /// <summary>The specification's version that the bundle follows.</summary>
    public string OciVersion { get; set; } = "1.3.0";

    /// <summary>The root file system. Required on Linux.</summary>
    public RootSpec? Root { get; set; }

    /// <summary>Mounts, in the order in which they are made.</summary>
    public List<MountSpec>? Mounts { get; set; }

    /// <summary>The container's process. Required by start, not by create.</summary>
    public ProcessSpec? Process { get; set; }

    /// <summary>The host name, set in the container's UTS namespace.</summary>
    public string? Hostname { get; set; }

    /// <summary>The NIS domain name, set in the container's UTS namespace.</summary>
    public string? Domainname { get; set; }

    /// <summary>Programs that the runtime calls at points of the life cycle.</summary>
    public HooksSpec? Hooks { get; set; }

    /// <summary>Free annotations; they appear in the state.</summary>
    public Dictionary<string, string>? Annotations { get; set; }

    /// <summary>The Linux part.</summary>
    public LinuxSpec? Linux { get; set; }
}

/// <summary>The root file system of a container.</summary>
public sealed class RootSpec
{
    /// <summary>Absolute, or relative to the bundle.</summary>
    public string Path { get; set; } = "";

    /// <summary>True makes the root mount read-only.</summary>
    public bool Readonly { get; set; }
}
