using System.Buffers.Text;
using Gantry.Linux.Native;

namespace Gantry.Runtime.State;

/// <summary>Facts of /proc/pid/stat.</summary>
internal static class ProcessTable
{
    /// <summary>Of the fields after the name.</summary>
    private const int StartTimeField = 19;

    /// <summary>The state letter and start time of a process; null when there is none.</summary>
    public static (char State, ulong StartTime)? TryRead(int pid)
    {
        if (pid <= 0 || SmallFile.TryRead($"/proc/{pid}/stat") is not { Length: > 0 } bytes)
        {
            return null;
        }
        // The name in parentheses may hold anything; fields are counted from the last one on.
        var rest = bytes.AsSpan(bytes.AsSpan().LastIndexOf((byte)')') + 2);
        var state = (char)rest[0];
        for (var field = 0; field < StartTimeField; field++)
        {
            rest = rest[(rest.IndexOf((byte)' ') + 1)..];
        }
        return Utf8Parser.TryParse(rest, out ulong started, out _) ? (state, started) : null;
    }

    /// <summary>True when the container's first process is alive (a zombie is not).</summary>
    public static bool IsAlive(ContainerRecord record) =>
        TryRead(record.Pid) is var (state, started) && started == record.StartTime && state is not ('Z' or 'X' or 'x');

    /// <summary>creating, created, running, paused or stopped (runtime.md, "State").</summary>
    public static string StatusOf(ContainerRecord record, StateStore store)
    {
        if (record.Pid == 0)
        {
            return "creating";
        }
        if (!IsAlive(record))
        {
            return "stopped";
        }
        var waiting = SysStat.TryStatus(
            Fcntl.AT_FDCWD, $"{store.DirectoryOf(record.Id)}/{StartSocket.Name}", false, out _) == 0;
        return waiting ? "created" : Linux.Cgroups.ControlGroup.Open(record.CgroupPath).IsFrozen ? "paused" : "running";
    }
}
