namespace Gantry.Linux.Cgroups;

/// <summary>
/// One control group by its path relative to the hierarchies' roots, on cgroup v1 (the same path in every controller) or v2.
/// Nothing is cached: every call reads or writes the kernel's files.
/// </summary>
public interface IControlGroup
{
    /// <summary>The path below the hierarchies' roots, with a leading slash.</summary>
    string Path { get; }

    /// <summary>1 or 2.</summary>
    int Version { get; }

    /// <summary>The directories of the group: one for each controller on v1, one on v2.</summary>
    IReadOnlyList<string> Directories { get; }

    /// <summary>True when the group exists.</summary>
    bool Exists { get; }

    /// <summary>Creates the group and its missing parents; existing ones are kept. True when the group was not there.</summary>
    bool Create();

    /// <summary>Moves a process into the group.</summary>
    void AddProcess(int pid);

    /// <summary>Moves a process into the group; false when the group may have none, because it passes controllers on (v2).</summary>
    bool TryAddProcess(int pid);

    /// <summary>
    /// Moves a process into existing groups below this one: paths by controller on v1, where controllers that are not named
    /// get the group itself; on v2 one path under the name "".
    /// </summary>
    void AddProcess(int pid, IReadOnlyDictionary<string, string> subgroups);

    /// <summary>
    /// Moves the calling process, which must have one thread only, into the group. On v1 this spares the grace period that
    /// moving another process waits for (milliseconds, cgroup_threadgroup_rwsem).
    /// </summary>
    void Join();

    /// <summary>
    /// Applies limits; null members are left. Throws <see cref="Faults.FaultKind.FailedPrecondition"/> for a limit whose
    /// controller the machine does not have.
    /// </summary>
    void Apply(CgroupResources resources);

    /// <summary>The processes of the group and of the groups below it.</summary>
    IReadOnlyList<int> ProcessIds();

    /// <summary>Usage counters; a controller that is missing leaves zeros.</summary>
    CgroupStatistics Statistics();

    /// <summary>Stops (true) or resumes every process and returns when they have stopped or resumed.</summary>
    void SetFrozen(bool frozen);

    /// <summary>The directory in which the group is frozen; null without a freezer.</summary>
    string? FreezerDirectory { get; }

    /// <summary>True when the group is frozen.</summary>
    bool IsFrozen { get; }

    /// <summary>How many processes of the group the kernel has killed for want of memory.</summary>
    long OomKillCount();

    /// <summary>Tells when the kernel kills for want of memory; null without the memory controller. The caller disposes it.</summary>
    OomEvents? OpenOomEvents();

    /// <summary>Kills every process, also those forked meanwhile and frozen ones. Does not wait for them to be reaped.</summary>
    void KillAll();

    /// <summary>
    /// Removes the group and those below it, killing what runs in them. Waits up to two seconds for the kernel to let go.
    /// Does nothing when there is no such group.
    /// </summary>
    void Remove();
}
