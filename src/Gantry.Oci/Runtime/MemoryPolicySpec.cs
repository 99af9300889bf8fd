namespace Gantry.Oci.Runtime;

/// <summary>The NUMA memory policy (config-linux.md, "Memory policy").</summary>
public sealed class MemoryPolicySpec
{
    /// <summary>MPOL_BIND and the like.</summary>
    public string Mode { get; set; } = "";

    /// <summary>Memory nodes, as 0-3,7.</summary>
    public string? Nodes { get; set; }

    /// <summary>MPOL_F_STATIC_NODES and the like.</summary>
    public List<string>? Flags { get; set; }
}
