using System.Runtime.InteropServices;

namespace Gantry.Linux.Native;

/// <summary>sys/prctl.h.</summary>
public static partial class SysPrctl
{
    private const int PR_SET_PDEATHSIG = 1;
    private const int PR_SET_DUMPABLE = 4;
    private const int PR_SET_KEEPCAPS = 8;
    private const int PR_SET_NAME = 15;
    private const int PR_CAPBSET_READ = 23;
    private const int PR_CAPBSET_DROP = 24;
    private const int PR_SET_CHILD_SUBREAPER = 36;
    private const int PR_SET_NO_NEW_PRIVS = 38;
    private const int PR_CAP_AMBIENT = 47;
    private const int PR_CAP_AMBIENT_RAISE = 2;
    private const int PR_CAP_AMBIENT_CLEAR_ALL = 4;

    /// <summary>The signal that this process gets when its parent ends; a change of credentials clears it.</summary>
    public static void SetParentDeathSignal(int signal) =>
        LinuxException.Check(prctl(PR_SET_PDEATHSIG, signal, 0, 0, 0), "prctl PR_SET_PDEATHSIG");

    /// <summary>False hides /proc/self from processes of the same user until the next execve.</summary>
    public static void SetDumpable(bool on) =>
        LinuxException.Check(prctl(PR_SET_DUMPABLE, on ? 1 : 0, 0, 0, 0), "prctl PR_SET_DUMPABLE");

    /// <summary>Keeps the permitted capabilities over a change of user.</summary>
    public static void SetKeepCapabilities(bool on) =>
        LinuxException.Check(prctl(PR_SET_KEEPCAPS, on ? 1 : 0, 0, 0, 0), "prctl PR_SET_KEEPCAPS");

    /// <summary>Names the thread (at most 15 bytes).</summary>
    public static void SetName(string name) => LinuxException.Check(prctl_name(PR_SET_NAME, name), "prctl PR_SET_NAME");

    /// <summary>True when a capability is in the bounding set.</summary>
    public static bool IsInBoundingSet(int capability) => prctl(PR_CAPBSET_READ, capability, 0, 0, 0) == 1;

    /// <summary>Drops a capability from the bounding set.</summary>
    public static void DropFromBoundingSet(int capability) =>
        LinuxException.Check(prctl(PR_CAPBSET_DROP, capability, 0, 0, 0), "prctl PR_CAPBSET_DROP", $"{capability}");

    /// <summary>Makes this process the parent of its orphaned descendants.</summary>
    public static void SetChildSubreaper() =>
        LinuxException.Check(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), "prctl PR_SET_CHILD_SUBREAPER");

    /// <summary>Sets no_new_privs.</summary>
    public static void SetNoNewPrivileges() =>
        LinuxException.Check(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "prctl PR_SET_NO_NEW_PRIVS");

    /// <summary>Empties the ambient set.</summary>
    public static void ClearAmbient() =>
        LinuxException.Check(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0), "prctl PR_CAP_AMBIENT_CLEAR_ALL");

    /// <summary>Adds to the ambient set: 0, or the errno (the capability must be permitted and inheritable).</summary>
    public static int TryRaiseAmbient(int capability) =>
        prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0) == 0 ? 0 : Marshal.GetLastPInvokeError();

    [LibraryImport("libc", SetLastError = true)]
    private static partial int prctl(int option, nint arg2, nint arg3, nint arg4, nint arg5);

    [LibraryImport("libc", EntryPoint = "prctl", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int prctl_name(int option, string name);
}
