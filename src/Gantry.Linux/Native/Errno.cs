using System.Runtime.InteropServices;

namespace Gantry.Linux.Native;

/// <summary>errno.h.</summary>
public static partial class Errno
{
#pragma warning disable CS1591 // native names, documented in errno(3)
    public const int EPERM = 1;
    public const int ENOENT = 2;
    public const int ESRCH = 3;
    public const int EINTR = 4;
    public const int EIO = 5;
    public const int ENXIO = 6;
    public const int E2BIG = 7;
    public const int ENOEXEC = 8;
    public const int EBADF = 9;
    public const int ECHILD = 10;
    public const int EAGAIN = 11;
    public const int ENOMEM = 12;
    public const int EACCES = 13;
    public const int EBUSY = 16;
    public const int EEXIST = 17;
    public const int EXDEV = 18;
    public const int ENODEV = 19;
    public const int ENOTDIR = 20;
    public const int EISDIR = 21;
    public const int EINVAL = 22;
    public const int ENFILE = 23;
    public const int EMFILE = 24;
    public const int ETXTBSY = 26;
    public const int ENOSPC = 28;
    public const int EROFS = 30;
    public const int EPIPE = 32;
    public const int ENAMETOOLONG = 36;
    public const int ENOSYS = 38;
    public const int ENOTEMPTY = 39;
    public const int ELOOP = 40;
    public const int EOPNOTSUPP = 95;
    public const int ECONNRESET = 104;
    public const int ECONNREFUSED = 111;
#pragma warning restore CS1591

    /// <summary>The C library's text, as "No such file or directory".</summary>
    public static string Description(int errno) =>
        Marshal.PtrToStringUTF8(strerrordesc_np(errno)) ?? "Unknown error";

    /// <summary>The symbolic name, as "ENOENT".</summary>
    public static string Name(int errno) => Marshal.PtrToStringUTF8(strerrorname_np(errno)) ?? $"errno {errno}";

    [LibraryImport("libc")]
    private static partial nint strerrordesc_np(int errno);

    [LibraryImport("libc")]
    private static partial nint strerrorname_np(int errno);
}
