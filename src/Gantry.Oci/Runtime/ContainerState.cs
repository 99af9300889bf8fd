namespace Gantry.Oci.Runtime;

/// <summary>The state of a container (runtime.md, "State"): what state prints and hooks read.</summary>
public sealed class ContainerState
{
    /// <summary>The specification's version.</summary>
    public string OciVersion { get; set; } = "1.3.0";

    /// <summary>The container's id.</summary>
    public string Id { get; set; } = "";

    /// <summary>creating, created, running or stopped.</summary>
    public string Status { get; set; } = "";

    /// <summary>The first process's id in the host's pid namespace; 0 when stopped.</summary>
    public int Pid { get; set; }

    /// <summary>Absolute path of the bundle.</summary>
    public string Bundle { get; set; } = "";

    /// <summary>The configuration's annotations.</summary>
    public Dictionary<string, string>? Annotations { get; set; }
}
