using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;
using static Gantry.Linux.Netlink.NetlinkConstants;

namespace Gantry.Linux.Netlink;

/// <summary>The namespaces that can be made and kept without a process in them.</summary>
public enum NamespaceKind
{
    /// <summary>CLONE_NEWNET.</summary>
    Network,

    /// <summary>CLONE_NEWIPC.</summary>
    Ipc,

    /// <summary>CLONE_NEWUTS.</summary>
    Uts,
}

/// <summary>A namespace and the file at which a bind mount keeps it alive (namespaces(7)).</summary>
public sealed partial record NamespacePin(NamespaceKind Kind, string Path)
{
    /// <summary>
    /// Makes one namespace for each pin, runs <paramref name="inside"/> with the thread in all of them, and brings the thread
    /// back. When anything fails, nothing stays. Takes well under a millisecond, but for the network namespace's own set-up.
    /// </summary>
    public static void Create(IReadOnlyList<NamespacePin> pins, Action? inside = null)
    {
        List<(SafeFileHandle Own, int Flag)> own = [];
        List<NamespacePin> pinned = [];
        int flags = pins.Aggregate(0, (sum, pin) => sum | Flag(pin.Kind));
        try
        {
            foreach (NamespacePin pin in pins)
            {
                own.Add((NetworkNamespace.OpenPath(ThreadPath(pin.Kind)), Flag(pin.Kind)));
            }

            if (unshare(flags) != 0)
            {
                throw NetlinkError.Fault("unshare namespaces", Marshal.GetLastPInvokeError());
            }

            try
            {
                foreach (NamespacePin pin in pins)
                {
                    pin.Attach();
                    pinned.Add(pin);
                }

                inside?.Invoke();
            }
            finally
            {
                own.ForEach(entry => NetworkNamespace.Return(entry.Own, entry.Flag));
            }
        }
        catch
        {
            pinned.ForEach(pin => pin.Remove());
            throw;
        }
        finally
        {
            own.ForEach(entry => entry.Own.Dispose());
        }
    }

    /// <summary>Removes the mount and the file; either may be absent.</summary>
    public void Remove()
    {
        // Detached, so that a process that is about to leave the namespace does not hold up the removal.
        while (umount2(Path, MNT_DETACH) == 0)
        {
            // A pin that was mounted twice (a start that was cut off) is removed twice.
        }

        File.Delete(Path);
    }

    /// <summary>Whether the file is there and is a namespace (not the empty file that a reboot leaves).</summary>
    public bool Exists() => File.Exists(Path) && IsNamespace(Path);

    /// <summary>Sets the host name of the calling thread's UTS namespace; only to be called inside <see cref="Create"/>.</summary>
    public static void SetHostName(string name)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(name);
        if (sethostname(bytes, (nuint)bytes.Length) != 0)
        {
            throw NetlinkError.Fault("sethostname " + name, Marshal.GetLastPInvokeError());
        }
    }

    private static bool IsNamespace(string path)
    {
        // NSFS_MAGIC of linux/magic.h; struct statfs starts with f_type.
        Span<long> buffer = stackalloc long[32];
        return statfs(path, buffer) == 0 && buffer[0] == 0x6e736673;
    }

    private void Attach()
    {
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(Path)!);
        File.WriteAllBytes(Path, []);
        if (mount(ThreadPath(Kind), Path, null, MS_BIND, null) != 0)
        {
            int errno = Marshal.GetLastPInvokeError();
            File.Delete(Path);
            throw NetlinkError.Fault("mount namespace at " + Path, errno);
        }
    }

    private static string ThreadPath(NamespaceKind kind) => "/proc/thread-self/ns/" + kind switch
    {
        NamespaceKind.Network => "net",
        NamespaceKind.Ipc => "ipc",
        _ => "uts",
    };

    private static int Flag(NamespaceKind kind) => kind switch
    {
        NamespaceKind.Network => CLONE_NEWNET,
        NamespaceKind.Ipc => CLONE_NEWIPC,
        _ => CLONE_NEWUTS,
    };

    [LibraryImport("libc", SetLastError = true)]
    private static partial int unshare(int flags);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int mount(string source, string target, string? type, ulong flags, string? data);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int umount2(string target, int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int sethostname([In] byte[] name, nuint length);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int statfs(string path, Span<long> buffer);
}
