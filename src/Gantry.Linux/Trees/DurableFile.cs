using Microsoft.Win32.SafeHandles;

namespace Gantry.Linux.Trees;

/// <summary>What a rename needs to survive a power cut.</summary>
public static class DurableFile
{
    /// <summary>Waits until a directory's entries are on the disk (fsync(2) of the directory).</summary>
    public static void SyncDirectory(string directory)
    {
        var fd = TreeNative.Open(directory, TreeNative.ODirectory | TreeNative.OCloseOnExec, 0);
        using var handle = new SafeFileHandle(fd, ownsHandle: true);
        if (fd < 0 || TreeNative.FSync(handle) < 0)
        {
            throw TreeErrors.Last("fsync", directory);
        }
    }
}
