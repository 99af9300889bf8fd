namespace Gantry.Oci.Runtime;

/// <summary>The processors of an exec's process, as lists like "0-3,7".</summary>
public sealed class CpuAffinitySpec
{
    /// <summary>Until it is in the container's cgroup.</summary>
    public string? Initial { get; set; }

    /// <summary>From then on.</summary>
    public string? Final { get; set; }
}
