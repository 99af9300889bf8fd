using System.Runtime.InteropServices;

namespace Gantry.Linux.Native;

/// <summary>
/// Executes the running program anew by a read-only mount of its file that is in no mount namespace. These functions may be
/// called before the .NET runtime is there: they allocate nothing, throw nothing, and call the C library without the runtime's
/// knowledge. Whoever calls them so keeps to that, too.
/// </summary>
public static unsafe partial class RawExecution
{
    /// <summary>
    /// Returns only when the program lies on a read-only mount already, or such a mount cannot be made. Arguments and environment
    /// are as the C library passes them to main.
    /// </summary>
    public static void ReplaceByReadOnlyMount(byte** arguments, byte** environment)
    {
        fixed (byte* self = "/proc/self/exe\0"u8, empty = "\0"u8)
        {
            SysStat.FileSystemStatus status;
            if (statfs(self, &status) != 0 || (status.Flags & SysStat.ST_RDONLY) != 0)
            {
                return;
            }
            var mount = syscall(Syscall.Open_tree, Fcntl.AT_FDCWD, (nint)self, SysMount.OPEN_TREE_CLONE | Fcntl.O_CLOEXEC, 0, 0);
            if (mount < 0)
            {
                return;
            }
            var attributes = new SysMount.MountAttributes { Set = SysMount.MOUNT_ATTR_RDONLY | SysMount.MOUNT_ATTR_NOSUID };
            var size = sizeof(SysMount.MountAttributes);
            if (syscall(Syscall.Mount_setattr, mount, (nint)empty, Fcntl.AT_EMPTY_PATH, (nint)(&attributes), size) == 0)
            {
                _ = execveat((int)mount, empty, arguments, environment, Fcntl.AT_EMPTY_PATH);
            }
            _ = close((int)mount);
        }
    }

    /// <summary>The main that the linker has replaced (--wrap=main): starts the .NET runtime and runs the program.</summary>
    [LibraryImport("libc", EntryPoint = "__real_main")]
    [SuppressGCTransition]
    public static partial int RunRuntime(int count, byte** arguments, byte** environment);

    [LibraryImport("libc")]
    [SuppressGCTransition]
    private static partial int statfs(byte* path, SysStat.FileSystemStatus* status);

    [LibraryImport("libc")]
    [SuppressGCTransition]
    private static partial nint syscall(nint number, nint first, nint second, nint third, nint fourth, nint fifth);

    [LibraryImport("libc")]
    [SuppressGCTransition]
    private static partial int execveat(int directory, byte* path, byte** arguments, byte** environment, int flags);

    [LibraryImport("libc")]
    [SuppressGCTransition]
    private static partial int close(int descriptor);
}
