using System.Text;
using Gantry.Linux.Native;

namespace Gantry.Runtime.State;

/// <summary>Facts of /proc/pid/stat.</summary>
internal static class ProcessTable
{
    /// <summary>The state letter and start time of a process; null when there is none.</summary>
    public static (char State, ulong StartTime)? TryRead(int pid)
    {
        if (pid <= 0 || SmallFile.TryRead($"/proc/{pid}/stat") is not { Length: > 0 } bytes)
        {
            return null;
        }
        var text = Encoding.UTF8.GetString(bytes);
        // The name in parentheses may hold anything; fields are counted from the last one on.
        var fields = text[(text.LastIndexOf(')') + 2)..].Split(' ');
        return (fields[0][0], ulong.Parse(fields[19]));
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
