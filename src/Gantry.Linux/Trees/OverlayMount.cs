using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;
using Gantry.Faults;

namespace Gantry.Linux.Trees;

/// <summary>Mounts and unmounts overlay file systems.</summary>
public static class OverlayMount
{
    // mount(2): the data argument is one page.
    private const int MaxDataBytes = 4095;
    private const int MountDetach = 2;

    /// <summary>
    /// Mounts an overlay on an existing directory of the caller's mount namespace. <paramref name="options"/> are overlayfs
    /// options in which paths may be relative to <paramref name="baseDirectory"/>, so that a hundred layers fit into the page
    /// that mount(2) allows. The calling thread's working directory does not change.
    /// </summary>
    public static void Mount(string baseDirectory, string options, string target)
    {
        if (options.Length > MaxDataBytes)
        {
            throw new FaultException(FaultKind.ResourceExhausted,
                $"mount {target}: the overlay has too many layers: its options take {options.Length} bytes of {MaxDataBytes}");
        }
        var absoluteTarget = Path.GetFullPath(target);
        ExceptionDispatchInfo? failure = null;
        // A thread of its own, because the working directory that it changes must not be the process's: unshare(CLONE_FS)
        // parts it from the others, and it ends afterwards.
        var thread = new Thread(() =>
        {
            try
            {
                MountFrom(baseDirectory, options, absoluteTarget);
            }
            catch (FaultException fault)
            {
                failure = ExceptionDispatchInfo.Capture(fault);
            }
        }, maxStackSize: 256 * 1024);
        thread.Start();
        thread.Join();
        failure?.Throw();
    }

    /// <summary>Unmounts, at once or as soon as nobody uses it; nothing when the target is no mount point.</summary>
    public static void Unmount(string target)
    {
        if (TreeNative.Unmount(target, MountDetach) < 0 && Marshal.GetLastPInvokeError() is not (22 or TreeErrors.NoEntry))
        {
            throw TreeErrors.Last("umount2", target);
        }
    }

    private static void MountFrom(string baseDirectory, string options, string target)
    {
        if (TreeNative.Unshare(TreeNative.CloneFs) < 0)
        {
            throw TreeErrors.Last("unshare", "CLONE_FS");
        }
        if (TreeNative.ChangeDirectory(baseDirectory) < 0)
        {
            throw TreeErrors.Last("chdir", baseDirectory);
        }
        if (TreeNative.Mount("overlay", target, "overlay", 0, options) < 0)
        {
            throw TreeErrors.Last("mount", $"overlay on {target}");
        }
    }
}
