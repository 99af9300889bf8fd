using System.Globalization;
using Gantry.Linux.Native;
using Gantry.Oci.Runtime;

namespace Gantry.Runtime.Launch;

/// <summary>Scheduling policy, I/O priority, personality and processors of a process.</summary>
internal static class Scheduling
{
    /// <summary>In the process itself, right before its privileges go: a process of SCHED_DEADLINE cannot fork.</summary>
    public static void Apply(ProcessSpec process, LinuxSpec? linux)
    {
        if (process.ExecCPUAffinity is null)
        {
            // Whoever called the runtime may have bound it to some processors; the container has those of its cgroup.
            _ = SchedPolicy.TryResetAffinity();
        }
        if (linux?.MemoryPolicy is { } memory)
        {
            var mode = memory.Flags?.Aggregate(0, static (bits, flag) => bits | SchedPolicy.MemoryFlag(flag)) ?? 0;
            SchedPolicy.SetMemoryPolicy(
                mode | SchedPolicy.MemoryMode(memory.Mode),
                string.IsNullOrEmpty(memory.Nodes) ? [] : ParseProcessors(memory.Nodes),
                $"linux.memoryPolicy {memory.Mode} {memory.Nodes}");
        }
        var personality = linux?.Personality;
        if (process.Scheduler is { Policy.Length: > 0 } scheduler)
        {
            SchedPolicy.SetAttributes(Convert(scheduler), $"process.scheduler {scheduler.Policy}");
        }
        if (process.IoPriority is { } io)
        {
            SchedPolicy.SetIoPriority(SchedPolicy.IoClass(io.Class), io.Priority, $"process.ioPriority {io.Class} {io.Priority}");
        }
        if (personality is not null)
        {
            SchedPolicy.SetPersonality(
                (ulong)SchedPolicy.Personality(personality.Domain), $"linux.personality {personality.Domain}");
        }
    }

    /// <summary>Binds a process to processors; nothing without a list.</summary>
    public static void SetAffinity(int pid, string? list)
    {
        if (!string.IsNullOrEmpty(list))
        {
            SchedPolicy.SetAffinity(pid, ParseProcessors(list)!, $"process.execCPUAffinity {list}");
        }
    }

    /// <summary>The mask of a list as "0-3,7"; null when it is none.</summary>
    public static ulong[]? ParseProcessors(string list)
    {
        var mask = new ulong[SchedPolicy.CPU_SETSIZE / 64];
        foreach (var part in list.Split(','))
        {
            var ends = part.Trim().Split('-');
            if (ends.Length > 2 || !TryNumber(ends[0], out var first) || !TryNumber(ends[^1], out var last) || last < first)
            {
                return null;
            }
            for (var number = first; number <= last; number++)
            {
                mask[number / 64] |= 1UL << (number % 64);
            }
        }
        return mask;
    }

    private static SchedAttributes Convert(SchedulerSpec spec)
    {
        var attributes = new SchedAttributes
        {
            Policy = (uint)SchedPolicy.Policy(spec.Policy),
            Nice = spec.Nice ?? 0,
            Priority = (uint)(spec.Priority ?? 0),
            Runtime = spec.Runtime ?? 0,
            Deadline = spec.Deadline ?? 0,
            Period = spec.Period ?? 0,
        };
        foreach (var flag in spec.Flags ?? [])
        {
            attributes.Flags |= SchedPolicy.Flag(flag);
        }
        return attributes;
    }

    private static bool TryNumber(string text, out int number) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number) && number < SchedPolicy.CPU_SETSIZE;
}
