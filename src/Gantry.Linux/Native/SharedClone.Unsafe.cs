using System.Runtime.InteropServices;

namespace Gantry.Linux.Native;

/// <summary>
/// clone(2) as posix_spawn(3) uses it: the child has this process's memory and a stack of its own, and this process sleeps
/// until the child has executed a program or ended (CLONE_VM, CLONE_VFORK). Only for a NativeAOT process with one thread
/// (docs/adr/0001): the child is that thread meanwhile, so that managed code may run and allocate in it.
/// </summary>
public static unsafe partial class SharedClone
{
    private const int StackSize = 1 << 20;
    private const int GuardSize = 4096;
    private const int FailedCode = 1;

    private static Action? s_child;

    /// <summary>
    /// Set while the child executes a program or ends by itself: whatever happens to it then, the memory is in order.
    /// </summary>
    internal static bool IsLeaving { get; set; }

    /// <summary>
    /// Runs <paramref name="child"/>, which must end in execve(2) or an exit, and returns its id once it has, with a descriptor
    /// of it. The descriptor is null when it was killed before: the caller must then end without allocating anything, since the
    /// heap may be locked by who is no more.
    /// </summary>
    public static (int Pid, FileDescriptor? Process) Run(ulong flags, Action child)
    {
        var stack = SysMman.Map(
            StackSize, SysMman.PROT_READ | SysMman.PROT_WRITE, SysMman.MAP_PRIVATE | SysMman.MAP_STACK);
        SysMman.Protect(stack, GuardSize, SysMman.PROT_NONE);
        (s_child, IsLeaving) = (child, false);
        int process;
        var pid = clone(
            &Enter, (void*)(stack + StackSize),
            (int)(flags | Sched.CLONE_VM | Sched.CLONE_VFORK | Sched.CLONE_PIDFD | Signal.SIGCHLD), 0, &process);
        if (pid > 0 && !IsLeaving)
        {
            return (pid, null);
        }
        LinuxException.Check(pid, "clone");
        SysMman.Unmap(stack, StackSize);
        s_child = null;
        return (pid, new FileDescriptor(process));
    }

    [UnmanagedCallersOnly]
    private static int Enter(nint argument)
    {
        s_child!();
        IsLeaving = true;
        return FailedCode;
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int clone(delegate* unmanaged<nint, int> function, void* stack, int flags, nint argument, int* process);
}
