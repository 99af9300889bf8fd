using System.Runtime.InteropServices;
using Gantry.Faults;
using Gantry.Linux.Native;

namespace Gantry.Linux;

/// <summary>A failed system call: `mount /proc: operation not permitted (EPERM)`.</summary>
public sealed class LinuxException : FaultException
{
    /// <summary>Describes the failure of <paramref name="call"/> on <paramref name="subject"/> with an errno.</summary>
    public LinuxException(string call, string? subject, int errno)
        : base(KindOf(errno), Describe(call, subject, errno)) => ErrorNumber = errno;

    /// <summary>The errno value (errno(3)).</summary>
    public int ErrorNumber { get; }

    /// <summary>Throws when a call returned a negative value, else returns it. Call it on the line after the call.</summary>
    public static int Check(int result, string call, string? subject = null) =>
        result >= 0 ? result : throw new LinuxException(call, subject, Marshal.GetLastPInvokeError());

    /// <summary>Throws when a call returned a negative value, else returns it.</summary>
    public static nint Check(nint result, string call, string? subject = null) =>
        result >= 0 ? result : throw new LinuxException(call, subject, Marshal.GetLastPInvokeError());

    private static string Describe(string call, string? subject, int errno)
    {
        var text = Errno.Description(errno);
        var name = Errno.Name(errno);
        var what = string.IsNullOrEmpty(subject) ? call : $"{call} {subject}";
        return $"{what}: {char.ToLowerInvariant(text[0])}{text[1..]} ({name})";
    }

    private static FaultKind KindOf(int errno) => errno switch
    {
        Errno.ENOENT or Errno.ESRCH or Errno.ENODEV or Errno.ENXIO => FaultKind.NotFound,
        Errno.EEXIST => FaultKind.AlreadyExists,
        Errno.EPERM or Errno.EACCES or Errno.EROFS => FaultKind.PermissionDenied,
        Errno.EINVAL or Errno.ENOTDIR or Errno.EISDIR or Errno.ENAMETOOLONG or Errno.ELOOP or Errno.EXDEV
            or Errno.ENOEXEC or Errno.E2BIG => FaultKind.InvalidArgument,
        Errno.EBUSY or Errno.ENOTEMPTY or Errno.ETXTBSY => FaultKind.Conflict,
        Errno.ENOMEM or Errno.EAGAIN or Errno.EMFILE or Errno.ENFILE or Errno.ENOSPC => FaultKind.ResourceExhausted,
        Errno.ENOSYS or Errno.EOPNOTSUPP => FaultKind.NotImplemented,
        Errno.ECONNREFUSED or Errno.ECONNRESET or Errno.EPIPE => FaultKind.Unavailable,
        _ => FaultKind.Internal,
    };
}
