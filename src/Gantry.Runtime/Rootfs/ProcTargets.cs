using Gantry.Faults;
using Gantry.Linux;
using Gantry.Linux.Native;
using Gantry.Runtime.Launch;

namespace Gantry.Runtime.Rootfs;

/// <summary>
/// What may be mounted in the container's procfs: another procfs on its root, and files that only tell of the machine. Anything
/// else would catch or forge what is written to and read from it (CVE-2019-16884).
/// </summary>
internal static class ProcTargets
{
    /// <summary>Files that lxcfs and the like replace; runc's list.</summary>
    private static readonly string[] Replaceable =
    [
        "cpuinfo", "diskstats", "meminfo", "stat", "swaps", "uptime", "loadavg", "slabinfo", "net/dev",
        "sys/kernel/ns_last_pid", "sys/crypto/fips_enabled",
    ];

    /// <summary>Throws when the detached tree must not be mounted on the opened target.</summary>
    public static void Check(int target, int tree)
    {
        if (!ProcFiles.Holds(target, out var isRoot))
        {
            return;
        }
        if (isRoot)
        {
            if (ProcFiles.Holds(tree, out var treeIsRoot) && treeIsRoot)
            {
                return;
            }
            throw new FaultException(FaultKind.PermissionDenied, "only a procfs can be mounted on a procfs");
        }
        // The target's own path: the destination may have led here through links.
        var path = Unistd.ReadLink($"/proc/self/fd/{target}");
        if (!Array.Exists(Replaceable, name => path.EndsWith("/proc/" + name, StringComparison.Ordinal)))
        {
            throw new FaultException(
                FaultKind.PermissionDenied, $"inside of a procfs only these can be mounted on: {string.Join(", ", Replaceable)}");
        }
    }
}
