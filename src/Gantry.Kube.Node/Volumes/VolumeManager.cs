using System.Globalization;
using Gantry.Faults;
using Gantry.Kube.Model.Core.V1;
using Gantry.Linux;
using Gantry.Linux.Native;

namespace Gantry.Kube.Node.Volumes;

/// <summary>
/// Makes the volumes of pods on the node: emptyDir (also in memory), hostPath, configMap, secret, downwardAPI and projected.
/// Other kinds are refused with a clear error. Everything is idempotent and is done again on every sync, which is how
/// changed ConfigMaps reach running pods.
/// </summary>
internal sealed class VolumeManager(PodDirectories directories, VolumeProjector projector)
{
    /// <summary>Makes or refreshes all volumes of a pod.</summary>
    public async Task EnsureAsync(Pod pod, CancellationToken cancellationToken)
    {
        var group = pod.Spec!.SecurityContext?.FsGroup;
        foreach (var volume in pod.Spec.Volumes ?? [])
        {
            try
            {
                await EnsureAsync(pod, volume, group, cancellationToken).ConfigureAwait(false);
            }
            catch (FaultException fault)
            {
                throw new FaultException(fault.Kind, $"MountVolume.SetUp failed for volume \"{volume.Name}\" : {fault.Message}", fault);
            }
            catch (IOException failure)
            {
                throw new FaultException(FaultKind.Unavailable, $"MountVolume.SetUp failed for volume \"{volume.Name}\" : {failure.Message}", failure);
            }
        }
    }

    /// <summary>The node's path for a volume mount.</summary>
    public string MountSource(Pod pod, string volumeName, string? subPath)
    {
        var volume = pod.Spec!.Volumes?.Find(candidate => candidate.Name == volumeName)
            ?? throw new FaultException(FaultKind.InvalidArgument, $"volume \"{volumeName}\" not found in pod");
        var root = PathOf(pod, volume);
        return string.IsNullOrEmpty(subPath) ? root : SubPath(root, subPath);
    }

    /// <summary>Volumes that the kubelet writes are read-only to containers, whatever the mount says.</summary>
    public bool IsReadOnly(Pod pod, string volumeName) =>
        pod.Spec!.Volumes?.Find(candidate => candidate.Name == volumeName) is { } volume && Kind(volume) is "kubernetes.io~configmap" or "kubernetes.io~secret" or "kubernetes.io~downward-api" or "kubernetes.io~projected";

    /// <summary>Unmounts and deletes everything of a pod.</summary>
    public void Remove(string podUid)
    {
        var root = directories.Of(podUid);
        if (!Directory.Exists(root))
        {
            return;
        }

        foreach (var mount in MountsBelow(root))
        {
            SysMount.TryUnmount(mount, SysMount.MNT_DETACH | SysMount.UMOUNT_NOFOLLOW);
        }

        Directory.Delete(root, recursive: true);
    }

    /// <summary>The pods that have a directory.</summary>
    public IEnumerable<string> PodsOnDisk() =>
        Directory.Exists(directories.PodsRoot) ? Directory.EnumerateDirectories(directories.PodsRoot).Select(path => Path.GetFileName(path)!) : [];

    private async Task EnsureAsync(Pod pod, Volume volume, long? group, CancellationToken cancellationToken)
    {
        switch (Kind(volume))
        {
            case "kubernetes.io~empty-dir":
                EnsureEmptyDirectory(PathOf(pod, volume), volume.EmptyDir!, group);
                break;
            case "host-path":
                HostPaths.Ensure(volume.HostPath!.Path, volume.HostPath.Type ?? "");
                break;
            default:
                var files = await projector.FilesAsync(pod, volume, cancellationToken).ConfigureAwait(false)
                    ?? throw new FaultException(FaultKind.NotImplemented, "this kind of volume is not supported; supported are emptyDir, hostPath, configMap, secret, downwardAPI and projected");
                AtomicDirectory.Write(PathOf(pod, volume), files, group);
                break;
        }
    }

    private string PathOf(Pod pod, Volume volume) =>
        volume.HostPath is { } host ? host.Path : directories.Volume(pod, Kind(volume), volume.Name);

    private static string Kind(Volume volume) => volume switch
    {
        { EmptyDir: not null } => "kubernetes.io~empty-dir",
        { HostPath: not null } => "host-path",
        { ConfigMap: not null } => "kubernetes.io~configmap",
        { Secret: not null } => "kubernetes.io~secret",
        { DownwardAPI: not null } => "kubernetes.io~downward-api",
        { Projected: not null } => "kubernetes.io~projected",
        _ => "unsupported",
    };

    private static void EnsureEmptyDirectory(string path, EmptyDirVolumeSource source, long? group)
    {
        if (Directory.Exists(path))
        {
            return;
        }

        Directory.CreateDirectory(path);
        if (source.Medium == "Memory")
        {
            var size = source.SizeLimit is { Sign: > 0 } limit ? $",size={limit.Value.ToString(CultureInfo.InvariantCulture)}" : "";
            SysMount.Mount("tmpfs", path, "tmpfs", SysMount.MS_NOSUID | SysMount.MS_NODEV, $"mode=0777{size}");
        }
        else if (!string.IsNullOrEmpty(source.Medium))
        {
            Directory.Delete(path);
            throw new FaultException(FaultKind.NotImplemented, $"emptyDir medium {source.Medium} is not supported; use \"\" or Memory");
        }

        // 0777, and with an fsGroup the directory belongs to it and hands it on to new files.
        SysStat.ChangeMode(Fcntl.AT_FDCWD, path, group is null ? 0x1ffu : 0x5ffu);
        if (group is { } id)
        {
            SysStat.ChangeOwner(Fcntl.AT_FDCWD, path, uint.MaxValue, (uint)id);
        }
    }

    /// <summary>
    /// A path below a volume. The volume's content is the container's: a link in it must not lead the mount elsewhere, so
    /// the path is opened within the volume and named by what was opened (CVE-2017-1002101).
    /// </summary>
    private static string SubPath(string root, string subPath)
    {
        using var directory = Fcntl.Open(root, Fcntl.O_PATH | Fcntl.O_CLOEXEC);
        for (var attempt = 0; attempt < 2; attempt++)
        {
            var error = Fcntl.TryOpenAt(directory.Number, subPath, Fcntl.O_PATH | Fcntl.O_CLOEXEC, Fcntl.RESOLVE_BENEATH, out var file);
            if (error == 0)
            {
                using (file)
                {
                    return File.ResolveLinkTarget($"/proc/self/fd/{file!.Number}", returnFinalTarget: false)!.FullName;
                }
            }

            if (error != Errno.ENOENT || attempt > 0)
            {
                break;
            }

            MakeBelow(directory, subPath);
        }

        throw new FaultException(FaultKind.FailedPrecondition, $"failed to prepare subPath {subPath}: it leads out of the volume or cannot be opened");
    }

    private static void MakeBelow(FileDescriptor root, string subPath)
    {
        var made = "";
        foreach (var part in subPath.Split('/', StringSplitOptions.RemoveEmptyEntries))
        {
            using var parent = Fcntl.OpenAt(root.Number, made.Length == 0 ? "." : made, Fcntl.O_PATH | Fcntl.O_CLOEXEC, Fcntl.RESOLVE_BENEATH);
            SysStat.TryMakeDirectory(parent.Number, part, 0x1e8);
            made = made.Length == 0 ? part : $"{made}/{part}";
        }
    }

    private static List<string> MountsBelow(string root) =>
        [.. File.ReadLines("/proc/self/mounts").Select(line => line.Split(' ')[1].Replace("\\040", " ", StringComparison.Ordinal))
            .Where(path => path.StartsWith(root + "/", StringComparison.Ordinal)).OrderDescending(StringComparer.Ordinal)];
}
