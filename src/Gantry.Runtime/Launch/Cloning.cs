using Gantry.Faults;
using Gantry.Linux;
using Gantry.Linux.Native;
using Gantry.Runtime.State;

namespace Gantry.Runtime.Launch;

/// <summary>clone(2) into managed code.</summary>
internal static class Cloning
{
    private const int KilledCode = 255;

    /// <summary>
    /// Clones this process into namespaces; the child runs <paramref name="child"/>, which must not return. Returns its id. With
    /// <paramref name="keepsPid"/> this process's further children stay in its own pid namespace.
    /// </summary>
    public static int Clone(NamespaceSet namespaces, bool asSibling, Action child, bool keepsPid = true)
    {
        var family = asSibling ? Sched.CLONE_PARENT : 0;
        if (namespaces.Joins(Sched.CLONE_NEWUSER) || (keepsPid && namespaces.NeedsStep))
        {
            return CloneByStep(namespaces, family, child);
        }
        namespaces.JoinPid();
        return Clone(namespaces.CloneFlags | family, child);
    }

    public static int Clone(ulong flags, Action child)
    {
        HideFromContainer();
        var pid = Sched.Clone(flags | Signal.SIGCHLD);
        if (pid == 0)
        {
            child();
            Unistd.ExitNow(1);
        }
        return pid;
    }

    /// <summary>
    /// Like the others, but the child borrows this process's memory, and this process sleeps until the child executes its
    /// program or ends: nothing is copied, nor written to twice. For a child that needs nothing of this process meanwhile, and
    /// that stays in its user and time namespaces. What the child disposes is closed for it alone, and gone for both.
    /// </summary>
    public static (int Pid, FileDescriptor Process) CloneSharing(NamespaceSet namespaces, bool asSibling, Action child)
    {
        namespaces.JoinPid();
        HideFromContainer();
        // Now, for the child would open a descriptor of its own for them, whose number this process would then read from.
        ProcessStart.ReadSeeds();
        var (pid, process) = SharedClone.Run(asSibling ? Sched.CLONE_PARENT : 0, child);
        if (process is null)
        {
            // Killed half-way, perhaps while it held a lock of the heap: nothing may be allocated any more.
            Unistd.WriteAll(2, "gantry-runtime: the process was killed before its program was executed\n"u8);
            Unistd.ExitNow(KilledCode);
        }
        return (pid, process!);
    }

    private static void HideFromContainer()
    {
        if (IsPrivileged)
        {
            // From here to execve: no process of the container may look into this one, or reach its program (CVE-2016-9962,
            // CVE-2019-5736). The child's execve restores it. An ordinary user's child does it itself, once its id maps are
            // written, which takes that it owns its files in /proc.
            SysPrctl.SetDumpable(false);
        }
    }

    /// <summary>True for root, of the host or of a user namespace.</summary>
    public static bool IsPrivileged => Unistd.EffectiveUserId() == 0;

    /// <summary>Waits until a killed child has ended, and reaps it unless it is the monitor's.</summary>
    public static void WaitForEnd(int pid, FileDescriptor process, bool isSibling)
    {
        Span<PollDescriptor> ended = [new PollDescriptor(process.Number, Poll.POLLIN)];
        while (Poll.Wait(ended, -1) == 0)
        {
            continue;
        }
        if (!isSibling)
        {
            SysWait.Wait(pid, 0, out _);
        }
    }

    /// <summary>
    /// By a process between, which changes namespaces and clones a sibling of its own: the child's parent is the one that it
    /// would have had without.
    /// </summary>
    private static int CloneByStep(NamespaceSet namespaces, ulong family, Action child)
    {
        var (read, write) = Unistd.Pipe(Fcntl.O_CLOEXEC);
        using (read)
        {
            int step;
            using (write)
            {
                step = Clone(family, () => RunStep(namespaces, write, child));
            }
            var answer = SmallFile.ReadToEnd(read.Number);
            if (family == 0)
            {
                SysWait.Wait(step, 0, out _);
            }
            return answer.Length switch
            {
                sizeof(int) => BitConverter.ToInt32(answer),
                0 => throw new FaultException(FaultKind.Internal, "the process that joins namespaces was killed"),
                _ => throw StartSocket.ToFault(answer),
            };
        }
    }

    private static void RunStep(NamespaceSet namespaces, FileDescriptor answer, Action child)
    {
        try
        {
            namespaces.JoinAsStep();
            var pid = Clone(namespaces.CloneFlags | Sched.CLONE_PARENT, () =>
            {
                answer.Dispose();
                child();
            });
            Unistd.WriteAll(answer.Number, BitConverter.GetBytes(pid));
        }
        catch (Exception e)
        {
            Unistd.WriteAll(answer.Number, StartSocket.FromFault(e));
        }
        Unistd.ExitNow(0);
    }
}
