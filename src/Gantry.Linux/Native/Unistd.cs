using System.Runtime.InteropServices;

namespace Gantry.Linux.Native;

/// <summary>unistd.h and grp.h: descriptors, identity, names.</summary>
public static partial class Unistd
{
    /// <summary>close_range(2): marks instead of closing.</summary>
    public const uint CLOSE_RANGE_CLOEXEC = 4;

    private const int MaxPath = 4096;

    /// <summary>read(2); EINTR is retried. Returns -1 for EAGAIN only.</summary>
    public static int Read(int descriptor, Span<byte> buffer)
    {
        while (true)
        {
            var count = read(descriptor, buffer, (nuint)buffer.Length);
            if (count >= 0)
            {
                return (int)count;
            }
            var errno = Marshal.GetLastPInvokeError();
            if (errno == Errno.EAGAIN)
            {
                return -1;
            }
            if (errno != Errno.EINTR)
            {
                throw new LinuxException("read", null, errno);
            }
        }
    }

    /// <summary>write(2); EINTR is retried. Returns -1 for EAGAIN only.</summary>
    public static int Write(int descriptor, ReadOnlySpan<byte> data, string? subject = null)
    {
        while (true)
        {
            var count = write(descriptor, data, (nuint)data.Length);
            if (count >= 0)
            {
                return (int)count;
            }
            var errno = Marshal.GetLastPInvokeError();
            if (errno == Errno.EAGAIN)
            {
                return -1;
            }
            if (errno != Errno.EINTR)
            {
                throw new LinuxException("write", subject, errno);
            }
        }
    }

    /// <summary>Writes everything to a blocking descriptor.</summary>
    public static void WriteAll(int descriptor, ReadOnlySpan<byte> data, string? subject = null)
    {
        while (data.Length > 0)
        {
            var count = Write(descriptor, data, subject);
            data = data[Math.Max(0, count)..];
        }
    }

    /// <summary>close(2); not retried: Linux has released the number even when it says EINTR.</summary>
    public static int CloseRaw(int descriptor) => close(descriptor);

    /// <summary>lseek(2) to the start.</summary>
    public static void Rewind(int descriptor) => LinuxException.Check(lseek(descriptor, 0, 0), "lseek");

    /// <summary>pipe2(2).</summary>
    public static (FileDescriptor Read, FileDescriptor Write) Pipe(int flags)
    {
        Span<int> ends = stackalloc int[2];
        LinuxException.Check(pipe2(ends, flags), "pipe2");
        return (new FileDescriptor(ends[0]), new FileDescriptor(ends[1]));
    }

    /// <summary>dup3(2), or nothing when both are the same.</summary>
    public static void Duplicate(int from, int to, int flags)
    {
        if (from != to)
        {
            LinuxException.Check(dup3(from, to, flags), "dup3");
        }
    }

    /// <summary>close_range(2): closes, or with CLOSE_RANGE_CLOEXEC marks, descriptors first to last.</summary>
    public static void CloseRange(uint first, uint last, uint flags) =>
        LinuxException.Check(close_range(Syscall.Close_range, first, last, flags), "close_range");

    /// <summary>chdir(2).</summary>
    public static void ChangeDirectory(string path) => LinuxException.Check(chdir(path), "chdir", path);

    /// <summary>fchdir(2).</summary>
    public static void ChangeDirectory(int descriptor) => LinuxException.Check(fchdir(descriptor), "fchdir");

    /// <summary>
    /// getcwd(2), of at most 4095 bytes: the kernel's own answer, which is not absolute when the directory cannot be reached
    /// from this process's root.
    /// </summary>
    public static string CurrentDirectory()
    {
        Span<byte> buffer = stackalloc byte[4096];
        var length = LinuxException.Check(getcwd(Syscall.Getcwd, buffer, (nuint)buffer.Length), "getcwd");
        return System.Text.Encoding.UTF8.GetString(buffer[..Math.Max(0, (int)length - 1)]);
    }

    /// <summary>setsid(2).</summary>
    public static int NewSession() => LinuxException.Check(setsid(), "setsid");

    /// <summary>sethostname(2).</summary>
    public static void SetHostName(string name)
    {
        var bytes = System.Text.Encoding.UTF8.GetBytes(name);
        LinuxException.Check(sethostname(bytes, (nuint)bytes.Length), "sethostname", name);
    }

    /// <summary>setdomainname(2).</summary>
    public static void SetDomainName(string name)
    {
        var bytes = System.Text.Encoding.UTF8.GetBytes(name);
        LinuxException.Check(setdomainname(bytes, (nuint)bytes.Length), "setdomainname", name);
    }

    // The three identity calls go past the C library, whose own would signal threads that a cloned child does not have.

    /// <summary>setgroups(2), of the calling thread.</summary>
    public static void SetGroups(ReadOnlySpan<uint> groups) =>
        LinuxException.Check(setgroups(Syscall.Setgroups, (nuint)groups.Length, groups), "setgroups");

    /// <summary>setresgid(2), of the calling thread.</summary>
    public static void SetGroupId(uint id) =>
        LinuxException.Check(setresid(Syscall.Setresgid, id, id, id), "setresgid", $"{id}");

    /// <summary>setresuid(2), of the calling thread.</summary>
    public static void SetUserId(uint id) =>
        LinuxException.Check(setresid(Syscall.Setresuid, id, id, id), "setresuid", $"{id}");

    /// <summary>setresgid(2) and setresuid(2) to 0; false when a user namespace does not map them (EINVAL).</summary>
    public static bool TryBecomeRoot()
    {
        foreach (var number in (ReadOnlySpan<nint>)[Syscall.Setresgid, Syscall.Setresuid])
        {
            if (setresid(number, 0, 0, 0) < 0)
            {
                var errno = Marshal.GetLastPInvokeError();
                return errno == Errno.EINVAL ? false : throw new LinuxException("setresuid", "0", errno);
            }
        }
        return true;
    }

    /// <summary>pivot_root(2) with both directories ".": the old root is stacked under the new one.</summary>
    public static void PivotRootHere() => LinuxException.Check(pivot_root(Syscall.Pivot_root, ".", "."), "pivot_root", ".");

    /// <summary>chroot(2).</summary>
    public static void ChangeRoot(string path) => LinuxException.Check(chroot(path), "chroot", path);

    /// <summary>fsync(2).</summary>
    public static void Sync(int descriptor) => LinuxException.Check(fsync(descriptor), "fsync");

    /// <summary>fdatasync(2): waits for a file's bytes, and for its size where that changed, but not for its times.</summary>
    public static void SyncData(SafeHandle file) => LinuxException.Check(fdatasync(file), "fdatasync");

    /// <summary>unlink(2); a missing file is fine.</summary>
    public static void Unlink(string path)
    {
        if (unlink(path) < 0 && Marshal.GetLastPInvokeError() is var errno and not Errno.ENOENT)
        {
            throw new LinuxException("unlink", path, errno);
        }
    }

    /// <summary>unlink(2): 0, or the errno.</summary>
    public static int TryUnlink(string path) => unlink(path) == 0 ? 0 : Marshal.GetLastPInvokeError();

    /// <summary>rmdir(2): 0, or the errno.</summary>
    public static int TryRemoveDirectory(string path) => rmdir(path) == 0 ? 0 : Marshal.GetLastPInvokeError();

    /// <summary>readlink(2).</summary>
    public static string ReadLink(string path)
    {
        Span<byte> buffer = stackalloc byte[MaxPath];
        var length = LinuxException.Check(readlink(path, buffer, (nuint)buffer.Length), "readlink", path);
        return System.Text.Encoding.UTF8.GetString(buffer[..(int)length]);
    }

    /// <summary>readlinkat(2); null when there is no such link.</summary>
    public static string? TryReadLink(int directory, string name)
    {
        Span<byte> buffer = stackalloc byte[MaxPath];
        var length = readlinkat(directory, name, buffer, (nuint)buffer.Length);
        return length < 0 ? null : System.Text.Encoding.UTF8.GetString(buffer[..(int)length]);
    }

    /// <summary>rename(2).</summary>
    public static void Rename(string from, string to) => LinuxException.Check(rename(from, to), "rename", from);

    /// <summary>getpid(2).</summary>
    public static int ProcessId() => getpid();

    /// <summary>getppid(2); 0 when the parent is in another pid namespace.</summary>
    public static int ParentProcessId() => getppid();

    /// <summary>geteuid(2).</summary>
    public static uint EffectiveUserId() => geteuid();

    /// <summary>getegid(2).</summary>
    public static uint EffectiveGroupId() => getegid();

    /// <summary>_exit(2): ends the process without running anything more of it.</summary>
    public static void ExitNow(int code)
    {
        SharedClone.IsLeaving = true;
        _exit(code);
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint read(int fd, Span<byte> buffer, nuint count);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint write(int fd, ReadOnlySpan<byte> buffer, nuint count);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int close(int fd);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint lseek(int fd, nint offset, int whence);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int pipe2(Span<int> ends, int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int dup3(int from, int to, int flags);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial int close_range(nint number, uint first, uint last, uint flags);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int chdir(string path);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int fchdir(int fd);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial nint getcwd(nint number, Span<byte> buffer, nuint size);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int setsid();

    [LibraryImport("libc", SetLastError = true)]
    private static partial int sethostname(byte[] name, nuint length);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int setdomainname(byte[] name, nuint length);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial int setgroups(nint number, nuint count, ReadOnlySpan<uint> groups);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial int setresid(nint number, uint real, uint effective, uint saved);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int pivot_root(nint number, string newRoot, string putOld);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int chroot(string path);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int fsync(int fd);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int fdatasync(SafeHandle fd);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int unlink(string path);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int rmdir(string path);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial nint readlink(string path, Span<byte> buffer, nuint size);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial nint readlinkat(int directory, string path, Span<byte> buffer, nuint size);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int rename(string from, string to);

    [LibraryImport("libc")]
    private static partial int getpid();

    [LibraryImport("libc")]
    private static partial int getppid();

    [LibraryImport("libc")]
    private static partial uint geteuid();

    [LibraryImport("libc")]
    private static partial uint getegid();

    [LibraryImport("libc")]
    private static partial void _exit(int code);
}
