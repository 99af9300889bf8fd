using Gantry.Faults;

namespace Gantry.Kube.Node.Volumes;

/// <summary>The checks of a hostPath volume's type (core/v1 HostPathVolumeSource).</summary>
internal static class HostPaths
{
    private const int TypeMask = 0xf000;

    public static void Ensure(string path, string type)
    {
        switch (type)
        {
            case "":
                // No check; a missing path is made as a directory, as the runtime does for a bind mount.
                if (!Path.Exists(path))
                {
                    Directory.CreateDirectory(path);
                }

                break;
            case "DirectoryOrCreate":
                if (!Path.Exists(path))
                {
                    Directory.CreateDirectory(path);
                }

                Require(Directory.Exists(path), path, "directory");
                break;
            case "FileOrCreate":
                if (!Path.Exists(path))
                {
                    File.WriteAllBytes(path, []);
                }

                Require(KindOf(path) == 0x8000, path, "file");
                break;
            case "Directory":
                Require(Directory.Exists(path), path, "directory");
                break;
            case "File":
                Require(KindOf(path) == 0x8000, path, "file");
                break;
            case "Socket":
                Require(KindOf(path) == 0xc000, path, "socket");
                break;
            case "CharDevice":
                Require(KindOf(path) == 0x2000, path, "character device");
                break;
            case "BlockDevice":
                Require(KindOf(path) == 0x6000, path, "block device");
                break;
            default:
                throw new FaultException(FaultKind.InvalidArgument, $"hostPath type {type} is not known");
        }
    }

    private static int KindOf(string path) =>
        Linux.Native.SysStat.TryStatus(Linux.Native.Fcntl.AT_FDCWD, path, true, out var status) == 0 ? (int)status.Mode & TypeMask : 0;

    private static void Require(bool holds, string path, string kind)
    {
        if (!holds)
        {
            throw new FaultException(FaultKind.FailedPrecondition, $"hostPath type check failed: {path} is not a {kind}");
        }
    }
}
