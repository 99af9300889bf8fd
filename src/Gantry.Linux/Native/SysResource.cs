using System.Runtime.InteropServices;

namespace Gantry.Linux.Native;

/// <summary>sys/resource.h.</summary>
public static partial class SysResource
{
    private static readonly string[] Names =
    [
        "RLIMIT_CPU", "RLIMIT_FSIZE", "RLIMIT_DATA", "RLIMIT_STACK", "RLIMIT_CORE", "RLIMIT_RSS", "RLIMIT_NPROC",
        "RLIMIT_NOFILE", "RLIMIT_MEMLOCK", "RLIMIT_AS", "RLIMIT_LOCKS", "RLIMIT_SIGPENDING", "RLIMIT_MSGQUEUE",
        "RLIMIT_NICE", "RLIMIT_RTPRIO", "RLIMIT_RTTIME",
    ];

    /// <summary>The number of a name as "RLIMIT_NOFILE"; -1 when there is no such limit.</summary>
    public static int Number(string name) => Array.IndexOf(Names, name);

    /// <summary>setrlimit(2): 0, or the errno (EPERM: a hard limit may not be raised).</summary>
    public static int TrySetLimit(int resource, ulong soft, ulong hard)
    {
        var limit = new ResourceLimit { Soft = soft, Hard = hard };
        return setrlimit(resource, in limit) == 0 ? 0 : Marshal.GetLastPInvokeError();
    }

    /// <summary>getrlimit(2).</summary>
    public static (ulong Soft, ulong Hard) GetLimit(int resource)
    {
        LinuxException.Check(getrlimit(resource, out var limit), "getrlimit");
        return (limit.Soft, limit.Hard);
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int setrlimit(int resource, in ResourceLimit limit);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int getrlimit(int resource, out ResourceLimit limit);

    [StructLayout(LayoutKind.Sequential)]
    internal struct ResourceLimit
    {
        public ulong Soft;
        public ulong Hard;
    }
}
