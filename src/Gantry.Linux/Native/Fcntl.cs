using System.Runtime.InteropServices;

namespace Gantry.Linux.Native;

/// <summary>fcntl.h, linux/openat2.h and sys/file.h: opening files.</summary>
public static partial class Fcntl
{
#pragma warning disable CS1591 // native names, documented in open(2) and openat2(2)
    public const int O_RDONLY = 0;
    public const int O_WRONLY = 1;
    public const int O_RDWR = 2;
    public const int O_CREAT = 0x40;
    public const int O_EXCL = 0x80;
    public const int O_NOCTTY = 0x100;
    public const int O_TRUNC = 0x200;
    public const int O_APPEND = 0x400;
    public const int O_NONBLOCK = 0x800;
    public const int O_CLOEXEC = 0x80000;
    public const int O_PATH = 0x200000;
    public const int AT_FDCWD = -100;
    public const int AT_SYMLINK_NOFOLLOW = 0x100;
    public const int AT_EMPTY_PATH = 0x1000;
    public const int AT_RECURSIVE = 0x8000;
    public const ulong RESOLVE_NO_XDEV = 1;
    public const ulong RESOLVE_NO_MAGICLINKS = 2;
    public const ulong RESOLVE_NO_SYMLINKS = 4;
    public const ulong RESOLVE_BENEATH = 8;
    public const ulong RESOLVE_IN_ROOT = 16;
    public const int LOCK_SH = 1;
    public const int LOCK_EX = 2;
    public const int LOCK_NB = 4;

    private const int F_DUPFD_CLOEXEC = 1030;
    private const int F_GETFD = 1;
    private const int F_SETFD = 2;
    private const int F_GETFL = 3;
    private const int F_SETFL = 4;
    private const int F_ADD_SEALS = 1033;
    private const int FD_CLOEXEC = 1;

    // A path in the root may be renamed while it is looked up: openat2(2) then says EAGAIN and asks to try again.
    private const int LookupAttempts = 64;

    public static int O_DIRECTORY => Syscall.Arm ? 0x4000 : 0x10000;

    public static int O_NOFOLLOW => Syscall.Arm ? 0x8000 : 0x20000;
#pragma warning restore CS1591

    /// <summary>open(2).</summary>
    public static FileDescriptor Open(string path, int flags, uint mode = 0) =>
        new(LinuxException.Check(TryOpen(path, flags, mode), "open", path));

    /// <summary>open(2): the descriptor's number, or -1 with the errno left for the caller.</summary>
    public static int TryOpen(string path, int flags, uint mode = 0)
    {
        int result;
        do
        {
            result = open(path, flags | O_CLOEXEC, mode);
        }
        while (result < 0 && Marshal.GetLastPInvokeError() == Errno.EINTR);
        return result;
    }

    /// <summary>openat2(2): 0 and the descriptor, or the errno.</summary>
    public static int TryOpenAt(int directory, string path, int flags, ulong resolve, out FileDescriptor? file, uint mode = 0)
    {
        var how = new OpenHow { Flags = (ulong)(uint)(flags | O_CLOEXEC), Mode = mode, Resolve = resolve };
        for (var attempt = 0; ; attempt++)
        {
            var result = openat2(Syscall.Openat2, directory, path, in how, (nuint)Marshal.SizeOf<OpenHow>());
            if (result >= 0)
            {
                file = new FileDescriptor((int)result);
                return 0;
            }
            var errno = Marshal.GetLastPInvokeError();
            if ((errno == Errno.EAGAIN && attempt < LookupAttempts) || errno == Errno.EINTR)
            {
                continue;
            }
            file = null;
            return errno;
        }
    }

    /// <summary>openat2(2).</summary>
    public static FileDescriptor OpenAt(int directory, string path, int flags, ulong resolve, uint mode = 0)
    {
        var errno = TryOpenAt(directory, path, flags, resolve, out var file, mode);
        return errno == 0 ? file! : throw new LinuxException("openat2", path, errno);
    }

    /// <summary>Sets or clears O_NONBLOCK.</summary>
    public static void SetNonBlocking(int descriptor, bool on)
    {
        var flags = LinuxException.Check(fcntl(descriptor, F_GETFL, 0), "fcntl F_GETFL");
        LinuxException.Check(fcntl(descriptor, F_SETFL, on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK), "fcntl F_SETFL");
    }

    /// <summary>Sets or clears FD_CLOEXEC.</summary>
    public static void SetCloseOnExec(int descriptor, bool on)
    {
        var flags = LinuxException.Check(fcntl(descriptor, F_GETFD, 0), "fcntl F_GETFD");
        LinuxException.Check(fcntl(descriptor, F_SETFD, on ? flags | FD_CLOEXEC : flags & ~FD_CLOEXEC), "fcntl F_SETFD");
    }

    /// <summary>A close-on-exec duplicate.</summary>
    public static FileDescriptor Duplicate(int descriptor) =>
        new(LinuxException.Check(fcntl(descriptor, F_DUPFD_CLOEXEC, 3), "fcntl F_DUPFD_CLOEXEC"));

    /// <summary>True when the descriptor is open.</summary>
    public static bool IsOpen(int descriptor) => fcntl(descriptor, F_GETFD, 0) >= 0;

    /// <summary>Adds seals to a memfd.</summary>
    public static void AddSeals(int descriptor, int seals) =>
        LinuxException.Check(fcntl(descriptor, F_ADD_SEALS, seals), "fcntl F_ADD_SEALS");

    /// <summary>flock(2), EINTR retried. False when LOCK_NB was given and somebody else has the lock.</summary>
    public static bool Lock(int descriptor, int operation)
    {
        while (flock(descriptor, operation) < 0)
        {
            var errno = Marshal.GetLastPInvokeError();
            if (errno == Errno.EAGAIN)
            {
                return false;
            }
            if (errno != Errno.EINTR)
            {
                throw new LinuxException("flock", null, errno);
            }
        }
        return true;
    }

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int open(string path, int flags, uint mode);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial nint openat2(nint number, int directory, string path, in OpenHow how, nuint size);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int fcntl(int fd, int command, int argument);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int flock(int fd, int operation);

    [StructLayout(LayoutKind.Sequential)]
    internal struct OpenHow
    {
        public ulong Flags;
        public ulong Mode;
        public ulong Resolve;
    }
}
