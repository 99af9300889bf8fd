using System.Runtime.InteropServices;
using System.Text;
using Gantry.Faults;
using Microsoft.Win32.SafeHandles;
using static Gantry.Linux.Netlink.NetlinkConstants;

namespace Gantry.Linux.Netlink;

/// <summary>
/// A network namespace named by a path: one that is pinned by a bind mount, or <c>/proc/PID/ns/net</c>. The path is the
/// identity; nothing is held open, so that a namespace lives exactly as long as its pin and its processes.
/// </summary>
public sealed partial class NetworkNamespace(string path)
{
    private const string OwnNetwork = "/proc/thread-self/ns/net";

    /// <summary>The namespace's file.</summary>
    public string Path { get; } = path;

    /// <summary>
    /// Makes a namespace, pins it at a path by a bind mount (which an empty file is made for), and runs
    /// <paramref name="inside"/> in it. When anything fails nothing stays.
    /// </summary>
    public static NetworkNamespace CreatePinned(string path, Action? inside = null)
    {
        NamespacePin.Create([new NamespacePin(NamespaceKind.Network, path)], inside);
        return new NetworkNamespace(path);
    }

    /// <summary>
    /// Runs a function with the calling thread inside the namespace and brings the thread back. What it opens (sockets,
    /// files under /proc/sys/net) belongs to the namespace. It must not await.
    /// </summary>
    public T Run<T>(Func<T> inside)
    {
        using SafeFileHandle target = OpenDescriptor();
        using SafeFileHandle own = OpenPath(OwnNetwork);
        Enter(target, CLONE_NEWNET, Path);
        try
        {
            return inside();
        }
        finally
        {
            Return(own, CLONE_NEWNET);
        }
    }

    /// <summary>As <see cref="Run{T}"/>.</summary>
    public void Run(Action inside) => Run(() =>
    {
        inside();
        return 0;
    });

    /// <summary>Opens the namespace's file.</summary>
    public SafeFileHandle OpenDescriptor() => OpenPath(Path);

    internal static SafeFileHandle OpenPath(string path)
    {
        int descriptor = open(path, O_RDONLY | O_CLOEXEC, 0);
        return descriptor >= 0
            ? new SafeFileHandle(descriptor, ownsHandle: true)
            : throw NetlinkError.Fault("open " + path, Marshal.GetLastPInvokeError());
    }

    internal static void Enter(SafeFileHandle target, int kind, string path)
    {
        if (setns((int)target.DangerousGetHandle(), kind) != 0)
        {
            throw NetlinkError.Fault("setns " + path, Marshal.GetLastPInvokeError());
        }
    }

    /// <summary>A thread that stays in a foreign namespace would run other work there: the process must not go on.</summary>
    internal static void Return(SafeFileHandle own, int kind)
    {
        if (setns((int)own.DangerousGetHandle(), kind) != 0)
        {
            Environment.FailFast("setns back to the own namespace failed, errno " + Marshal.GetLastPInvokeError());
        }
    }

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int open(string path, int flags, int mode);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int setns(int descriptor, int kind);
}
