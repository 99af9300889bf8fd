using System.Runtime.InteropServices;

namespace Gantry.Linux.Native;

/// <summary>sched.h and sys/pidfd.h: processes and namespaces.</summary>
public static partial class Sched
{
#pragma warning disable CS1591 // native names, documented in clone(2) and namespaces(7)
    public const ulong CLONE_NEWTIME = 0x80;
    public const ulong CLONE_VM = 0x100;
    public const ulong CLONE_FILES = 0x400;
    public const ulong CLONE_PIDFD = 0x1000;
    public const ulong CLONE_VFORK = 0x4000;
    public const ulong CLONE_PARENT = 0x8000;
    public const ulong CLONE_NEWNS = 0x20000;
    public const ulong CLONE_NEWCGROUP = 0x2000000;
    public const ulong CLONE_NEWUTS = 0x4000000;
    public const ulong CLONE_NEWIPC = 0x8000000;
    public const ulong CLONE_NEWUSER = 0x10000000;
    public const ulong CLONE_NEWPID = 0x20000000;
    public const ulong CLONE_NEWNET = 0x40000000;
#pragma warning restore CS1591

    /// <summary>
    /// clone(2) without a new stack: returns 0 in the child and the child's process id in the parent. Only for a NativeAOT
    /// process with one thread (docs/adr/0001): the child has the calling thread alone.
    /// </summary>
    public static int Clone(ulong flags) =>
        (int)LinuxException.Check(clone(Syscall.Clone, (nuint)flags, 0, 0, 0, 0), "clone");

    /// <summary>unshare(2).</summary>
    public static void Unshare(ulong flags) => LinuxException.Check(unshare((int)flags), "unshare");

    /// <summary>setns(2).</summary>
    public static void SetNamespace(int descriptor, ulong type, string name) =>
        LinuxException.Check(setns(descriptor, (int)type), "setns", name);

    /// <summary>pidfd_open(2).</summary>
    public static FileDescriptor OpenProcess(int pid) =>
        new(LinuxException.Check(pidfd_open(Syscall.Pidfd_open, pid, 0), "pidfd_open", $"{pid}"));

    /// <summary>pidfd_send_signal(2): 0, or the errno.</summary>
    public static int TrySignal(int pidDescriptor, int signal) =>
        pidfd_send_signal(Syscall.Pidfd_send_signal, pidDescriptor, signal, 0, 0) == 0 ? 0 : Marshal.GetLastPInvokeError();

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial nint clone(nint number, nuint flags, nint stack, nint parentTid, nint childTid, nint tls);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int unshare(int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int setns(int fd, int type);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial int pidfd_open(nint number, int pid, uint flags);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial int pidfd_send_signal(nint number, int pidfd, int signal, nint info, uint flags);
}
