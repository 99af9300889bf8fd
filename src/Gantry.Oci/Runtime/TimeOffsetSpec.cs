namespace Gantry.Oci.Runtime;

/// <summary>The offset of one clock of a new time namespace (time_namespaces(7)).</summary>
public sealed class TimeOffsetSpec
{
    /// <summary>Seconds, also negative.</summary>
    public long Secs { get; set; }

    /// <summary>Nanoseconds, 0 to 999,999,999.</summary>
    public uint Nanosecs { get; set; }
}
