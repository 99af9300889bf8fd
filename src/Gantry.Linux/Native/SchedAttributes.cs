using System.Runtime.InteropServices;

namespace Gantry.Linux.Native;

/// <summary>struct sched_attr of linux/sched/types.h (SCHED_ATTR_SIZE_VER1).</summary>
[StructLayout(LayoutKind.Sequential)]
public struct SchedAttributes
{
    internal uint Size;

    /// <summary>SCHED_ number.</summary>
    public uint Policy;

    /// <summary>SCHED_FLAG_ bits.</summary>
    public ulong Flags;

    /// <summary>For SCHED_OTHER and SCHED_BATCH.</summary>
    public int Nice;

    /// <summary>For SCHED_FIFO and SCHED_RR.</summary>
    public uint Priority;

    /// <summary>Nanoseconds of SCHED_DEADLINE.</summary>
    public ulong Runtime;

    /// <summary>Nanoseconds of SCHED_DEADLINE.</summary>
    public ulong Deadline;

    /// <summary>Nanoseconds of SCHED_DEADLINE.</summary>
    public ulong Period;

    /// <summary>Utilisation clamp, unused.</summary>
    public uint UtilMin;

    /// <summary>Utilisation clamp, unused.</summary>
    public uint UtilMax;
}
