using System.Runtime.InteropServices;

namespace Gantry.Linux.Native;

/// <summary>execve(2) and access(2).</summary>
public static unsafe partial class Execution
{
    private const int X_OK = 1;

    /// <summary>Replaces this process's program; returns the errno when that fails.</summary>
    public static int Replace(string path, IReadOnlyList<string> arguments, IReadOnlyList<string> environment)
    {
        using var argv = new NativeStringList(arguments);
        using var envp = new NativeStringList(environment);
        return execve(path, argv.Pointer, envp.Pointer) < 0 ? Marshal.GetLastPInvokeError() : 0;
    }

    internal static int Replace(NativeStringList path, NativeStringList arguments, NativeStringList environment)
    {
        SharedClone.IsLeaving = true;
        var errno = execve(path.Pointer[0], arguments.Pointer, environment.Pointer) < 0 ? Marshal.GetLastPInvokeError() : 0;
        SharedClone.IsLeaving = false;
        return errno;
    }

    /// <summary>access(2) with X_OK: 0, or the errno.</summary>
    public static int TryAccess(string path) => access(path, X_OK) == 0 ? 0 : Marshal.GetLastPInvokeError();

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int execve(string path, byte** argv, byte** envp);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int execve(byte* path, byte** argv, byte** envp);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int access(string path, int mode);
}
