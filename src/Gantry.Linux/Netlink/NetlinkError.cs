using System.Runtime.InteropServices;
using Gantry.Faults;
using static Gantry.Linux.Netlink.NetlinkConstants;

namespace Gantry.Linux.Netlink;

/// <summary>Makes faults of errnos: the call, the object, the kernel's words.</summary>
internal static class NetlinkError
{
    internal static FaultException Fault(string operation, int errno, string? kernelMessage = null)
    {
        string text = Marshal.GetPInvokeErrorMessage(errno);
        text = text.Length > 0 ? char.ToLowerInvariant(text[0]) + text[1..] : text;
        string message = $"{operation}: {text} (errno {errno})" + (kernelMessage is null ? "" : ": " + kernelMessage);
        FaultKind kind = errno switch
        {
            ENOENT or ENODEV or ESRCH or EADDRNOTAVAIL => FaultKind.NotFound,
            EEXIST => FaultKind.AlreadyExists,
            EINVAL => FaultKind.InvalidArgument,
            1 or 13 => FaultKind.PermissionDenied,
            _ => FaultKind.Internal,
        };
        return new FaultException(kind, message);
    }
}
