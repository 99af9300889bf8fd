using Gantry.Linux;
using Gantry.Linux.Native;

namespace Gantry.Runtime.Launch;

/// <summary>clone(2) into managed code.</summary>
internal static class Cloning
{
    private static bool s_isClone;

    /// <summary>Clones this process; the child runs <paramref name="child"/>, which must not return. Returns its id.</summary>
    public static int Clone(NamespaceSet namespaces, bool asSibling, Action child)
    {
        namespaces.JoinPid();
        return Clone(namespaces.CloneFlags | (asSibling ? Sched.CLONE_PARENT : 0), child);
    }

    public static int Clone(ulong flags, Action child)
    {
        if (!s_isClone)
        {
            // The finalizer thread is past its start and asleep after this, so that the child's copy of the memory has no
            // lock held by a thread that the child does not have. A clone has no such thread to wait for.
            GC.WaitForPendingFinalizers();
        }
        // From here to execve: no process of the container may look into this one, or reach its program (CVE-2016-9962,
        // CVE-2019-5736). The child's execve restores it.
        SysPrctl.SetDumpable(false);
        var pid = Sched.Clone(flags | Signal.SIGCHLD);
        if (pid == 0)
        {
            s_isClone = true;
            child();
            Unistd.ExitNow(1);
        }
        return pid;
    }

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
}
