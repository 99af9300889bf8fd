using System.Runtime.InteropServices;

namespace Gantry.Linux.Native;

/// <summary>linux/sched.h, linux/sched/types.h, linux/ioprio.h and sys/personality.h: how a process is scheduled.</summary>
public static partial class SchedPolicy
{
    /// <summary>The size of cpu_set_t in bits.</summary>
    public const int CPU_SETSIZE = 1024;

    /// <summary>More than any kernel is built for (CONFIG_NR_CPUS).</summary>
    private const int MaxProcessors = 8192;

    private const int IOPRIO_WHO_PROCESS = 1;
    private const int IOPRIO_CLASS_SHIFT = 13;

    private static readonly (string Name, uint Value)[] Policies =
    [
        ("SCHED_OTHER", 0), ("SCHED_FIFO", 1), ("SCHED_RR", 2), ("SCHED_BATCH", 3), ("SCHED_ISO", 4), ("SCHED_IDLE", 5),
        ("SCHED_DEADLINE", 6),
    ];

    private static readonly (string Name, ulong Value)[] Flags =
    [
        ("SCHED_FLAG_RESET_ON_FORK", 1), ("SCHED_FLAG_RECLAIM", 2), ("SCHED_FLAG_DL_OVERRUN", 4),
        ("SCHED_FLAG_KEEP_POLICY", 8), ("SCHED_FLAG_KEEP_PARAMS", 0x10), ("SCHED_FLAG_UTIL_CLAMP_MIN", 0x20),
        ("SCHED_FLAG_UTIL_CLAMP_MAX", 0x40),
    ];

    private static readonly string[] MemoryModes =
    [
        "MPOL_DEFAULT", "MPOL_PREFERRED", "MPOL_BIND", "MPOL_INTERLEAVE", "MPOL_LOCAL", "MPOL_PREFERRED_MANY", "MPOL_WEIGHTED_INTERLEAVE",
    ];

    private static readonly (string Name, int Value)[] MemoryFlags =
        [("MPOL_F_NUMA_BALANCING", 1 << 13), ("MPOL_F_RELATIVE_NODES", 1 << 14), ("MPOL_F_STATIC_NODES", 1 << 15)];

    private static readonly string[] IoClasses = ["IOPRIO_CLASS_NONE", "IOPRIO_CLASS_RT", "IOPRIO_CLASS_BE", "IOPRIO_CLASS_IDLE"];

    private static readonly (string Name, ulong Value)[] Domains = [("LINUX", 0), ("LINUX32", 8)];

    /// <summary>A policy's number from its name; -1 when there is none.</summary>
    public static int Policy(string name) => Array.FindIndex(Policies, item => item.Name == name) is var index and >= 0 ? (int)Policies[index].Value : -1;

    /// <summary>A flag's bit from its name; 0 when there is none.</summary>
    public static ulong Flag(string name) => Array.Find(Flags, item => item.Name == name).Value;

    /// <summary>The names of memory policies (set_mempolicy(2)).</summary>
    public static IReadOnlyList<string> MemoryModeNames => MemoryModes;

    /// <summary>The names of their flags.</summary>
    public static IEnumerable<string> MemoryFlagNames => MemoryFlags.Select(static item => item.Name);

    /// <summary>A memory policy's number from its name; -1 when there is none.</summary>
    public static int MemoryMode(string name) => Array.IndexOf(MemoryModes, name);

    /// <summary>A memory policy flag's bit from its name; 0 when there is none.</summary>
    public static int MemoryFlag(string name) => Array.Find(MemoryFlags, item => item.Name == name).Value;

    /// <summary>An I/O class's number from its name; -1 when there is none.</summary>
    public static int IoClass(string name) => Array.IndexOf(IoClasses, name);

    /// <summary>A personality from its domain's name; -1 when there is none.</summary>
    public static long Personality(string name) =>
        Array.FindIndex(Domains, item => item.Name == name) is var index and >= 0 ? (long)Domains[index].Value : -1;

    /// <summary>sched_setattr(2) of the calling thread.</summary>
    public static void SetAttributes(SchedAttributes attributes, string name)
    {
        attributes.Size = (uint)Marshal.SizeOf<SchedAttributes>();
        LinuxException.Check(sched_setattr(Syscall.Sched_setattr, 0, in attributes, 0), "sched_setattr", name);
    }

    /// <summary>ioprio_set(2) of the calling thread.</summary>
    public static void SetIoPriority(int type, int priority, string name) =>
        LinuxException.Check(
            ioprio_set(Syscall.Ioprio_set, IOPRIO_WHO_PROCESS, 0, (type << IOPRIO_CLASS_SHIFT) | priority), "ioprio_set", name);

    /// <summary>personality(2).</summary>
    public static void SetPersonality(ulong value, string name) =>
        LinuxException.Check(personality((nuint)value), "personality", name);

    /// <summary>sched_setaffinity(2).</summary>
    public static void SetAffinity(int pid, ReadOnlySpan<ulong> mask, string list) =>
        LinuxException.Check(
            sched_setaffinity(pid, (nuint)(mask.Length * sizeof(ulong)), mask), "sched_setaffinity", list);

    /// <summary>
    /// Lets the calling thread run on every processor there is or will be; the kernel keeps to those of the cgroup. False when it
    /// may not (a filter, a process of SCHED_DEADLINE).
    /// </summary>
    public static bool TryResetAffinity()
    {
        Span<ulong> mask = stackalloc ulong[MaxProcessors / 64];
        mask.Fill(ulong.MaxValue);
        return sched_setaffinity(0, (nuint)(mask.Length * sizeof(ulong)), mask) == 0;
    }

    /// <summary>set_mempolicy(2) of the calling thread.</summary>
    public static void SetMemoryPolicy(int mode, ReadOnlySpan<ulong> nodes, string name) =>
        LinuxException.Check(
            set_mempolicy(Syscall.Set_mempolicy, mode, nodes, (nuint)(nodes.Length * 64) + 1), "set_mempolicy", name);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial int set_mempolicy(nint number, nint mode, ReadOnlySpan<ulong> nodes, nuint maxNode);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial int sched_setattr(nint number, int pid, in SchedAttributes attributes, uint flags);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial int ioprio_set(nint number, int which, int who, int priority);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int personality(nuint value);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int sched_setaffinity(int pid, nuint size, ReadOnlySpan<ulong> mask);
}
