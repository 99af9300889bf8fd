namespace Gantry.Oci.Runtime;

/// <summary>Cache and memory bandwidth allocation by resctrl (config-linux.md, "IntelRdt").</summary>
public sealed class IntelRdtSpec
{
    /// <summary>The class of service: a directory of resctrl. Null is one named after the container.</summary>
    public string? ClosID { get; set; }

    /// <summary>Lines of the schemata file.</summary>
    public List<string>? Schemata { get; set; }

    /// <summary>A line for the L3 cache.</summary>
    public string? L3CacheSchema { get; set; }

    /// <summary>A line for memory bandwidth.</summary>
    public string? MemBwSchema { get; set; }

    /// <summary>True makes a monitoring group.</summary>
    public bool EnableMonitoring { get; set; }

    /// <summary>Cache monitoring (until runtime-spec 1.2).</summary>
    public bool EnableCMT { get; set; }

    /// <summary>Memory bandwidth monitoring (until runtime-spec 1.2).</summary>
    public bool EnableMBM { get; set; }
}
