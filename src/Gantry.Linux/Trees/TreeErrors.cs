using System.Runtime.InteropServices;
using Gantry.Faults;

namespace Gantry.Linux.Trees;

internal static class TreeErrors
{
    public const int NoEntry = 2;
    public const int Exists = 17;
    public const int CrossDevice = 18;
    public const int NotDirectory = 20;
    public const int IsDirectory = 21;
    public const int NotEmpty = 39;
    public const int Loop = 40;
    public const int NotSupported = 95;
    public const int NoData = 61;
    public const int Range = 34;

    /// <summary>The fault for the errno of the call before.</summary>
    public static FaultException Last(string call, string subject) => Of(Marshal.GetLastPInvokeError(), call, subject);

    public static FaultException Of(int errno, string call, string subject)
    {
        if (errno is CrossDevice or Loop && call is "openat2")
        {
            return new FaultException(FaultKind.InvalidArgument, $"{subject}: the path leaves its root, by \"..\" or through a symbolic link");
        }
        var kind = errno switch
        {
            NoEntry or NotDirectory => FaultKind.NotFound,
            Exists => FaultKind.AlreadyExists,
            1 or 13 or 30 => FaultKind.PermissionDenied,
            28 or 122 => FaultKind.ResourceExhausted,
            16 => FaultKind.Conflict,
            22 or 36 => FaultKind.InvalidArgument,
            _ => FaultKind.Internal,
        };
        return new FaultException(kind, $"{call} {subject}: {Marshal.GetPInvokeErrorMessage(errno).ToLowerInvariant()} (errno {errno})");
    }
}
