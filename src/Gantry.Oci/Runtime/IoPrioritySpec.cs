namespace Gantry.Oci.Runtime;

/// <summary>The I/O scheduling class of a process (ioprio_set(2)).</summary>
public sealed class IoPrioritySpec
{
    /// <summary>IOPRIO_CLASS_RT, IOPRIO_CLASS_BE or IOPRIO_CLASS_IDLE.</summary>
    public string Class { get; set; } = "";

    /// <summary>0, the highest, to 7.</summary>
    public int Priority { get; set; }
}
