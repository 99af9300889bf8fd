using Gantry.Faults;
using Gantry.Linux;
using Gantry.Linux.Native;

namespace Gantry.Runtime.Launch;

/// <summary>
/// The host's procfs as a descriptor, opened before any mount namespace is joined. What the runtime writes there goes through
/// it: a container's /proc may be another file system, or have one mounted on single files (CVE-2019-16884, CVE-2025-52881).
/// </summary>
internal sealed class ProcFiles : IDisposable
{
    private const long PROC_SUPER_MAGIC = 0x9fa0;
    private const ulong PROC_ROOT_INO = 1;

    // No link is followed out of procfs, and nothing that is mounted on a part of it is entered.
    private const ulong Resolve = Fcntl.RESOLVE_BENEATH | Fcntl.RESOLVE_NO_XDEV | Fcntl.RESOLVE_NO_MAGICLINKS;

    private readonly FileDescriptor _root;

    private ProcFiles(FileDescriptor root) => _root = root;

    public static ProcFiles Open()
    {
        var root = Fcntl.Open("/proc", Fcntl.O_PATH | Fcntl.O_DIRECTORY);
        if (SysStat.FileSystemType(root.Number) != PROC_SUPER_MAGIC || SysStat.Status(root.Number).Inode != PROC_ROOT_INO)
        {
            root.Dispose();
            throw new FaultException(
                FaultKind.FailedPrecondition, "/proc: is not the root of a procfs; mount proc there before the runtime is called");
        }
        return new ProcFiles(root);
    }

    /// <summary>True when the descriptor leads to a file of a procfs, and whether it is its root.</summary>
    public static bool Holds(int descriptor, out bool isRoot)
    {
        isRoot = false;
        if (SysStat.FileSystemType(descriptor) != PROC_SUPER_MAGIC)
        {
            return false;
        }
        isRoot = SysStat.Status(descriptor).Inode == PROC_ROOT_INO;
        return true;
    }

    /// <summary>Opens a file for writing, given by its path below /proc.</summary>
    public FileDescriptor OpenFile(string path) => Fcntl.OpenAt(_root.Number, path, Fcntl.O_WRONLY, Resolve);

    /// <summary>Writes a value to a file, given by its path below /proc.</summary>
    public void Write(string path, ReadOnlySpan<byte> value)
    {
        using var file = OpenFile(path);
        Unistd.WriteAll(file.Number, value, $"/proc/{path}");
    }

    public void Dispose() => _root.Dispose();
}
