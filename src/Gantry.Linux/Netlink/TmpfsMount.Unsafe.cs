using System.Runtime.InteropServices;
using static Gantry.Linux.Netlink.NetlinkConstants;

namespace Gantry.Linux.Netlink;

/// <summary>A tmpfs that a sandbox's containers share (/dev/shm of a pod).</summary>
public static partial class TmpfsMount
{
    // MS_NOSUID | MS_NODEV | MS_NOEXEC of sys/mount.h.
    private const ulong SharedMemoryFlags = 2 | 4 | 8;

    /// <summary>Mounts a tmpfs without set-uid programs, devices and execution on an existing directory.</summary>
    public static void Mount(string target, string options)
    {
        if (mount("shm", target, "tmpfs", SharedMemoryFlags, options) != 0)
        {
            throw NetlinkError.Fault("mount tmpfs at " + target, Marshal.GetLastPInvokeError());
        }
    }

    /// <summary>Unmounts; nothing when it is not mounted.</summary>
    public static void Unmount(string target)
    {
        while (umount2(target, MNT_DETACH) == 0)
        {
            // A start that was cut off may have mounted twice.
        }
    }

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int mount(string source, string target, string type, ulong flags, string data);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int umount2(string target, int flags);
}
