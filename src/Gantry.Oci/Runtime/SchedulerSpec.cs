namespace Gantry.Oci.Runtime;

/// <summary>The scheduling policy of a process (sched(7), sched_setattr(2)).</summary>
public sealed class SchedulerSpec
{
    /// <summary>SCHED_OTHER, SCHED_FIFO, SCHED_RR, SCHED_BATCH, SCHED_ISO, SCHED_IDLE or SCHED_DEADLINE.</summary>
    public string Policy { get; set; } = "";

    /// <summary>-20 to 19, for SCHED_OTHER and SCHED_BATCH.</summary>
    public int? Nice { get; set; }

    /// <summary>1 to 99, for SCHED_FIFO and SCHED_RR.</summary>
    public int? Priority { get; set; }

    /// <summary>SCHED_FLAG_ names.</summary>
    public List<string>? Flags { get; set; }

    /// <summary>Nanoseconds of SCHED_DEADLINE.</summary>
    public ulong? Runtime { get; set; }

    /// <summary>Nanoseconds of SCHED_DEADLINE.</summary>
    public ulong? Deadline { get; set; }

    /// <summary>Nanoseconds of SCHED_DEADLINE.</summary>
    public ulong? Period { get; set; }
}
