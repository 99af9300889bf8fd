using Gantry.Linux.Trees;

namespace Gantry.Images.Snapshots;

/// <summary>
/// A writable root file system: an overlay of an image's layers with a directory of its own on top. Paths in
/// <see cref="LowerDirs"/>, <see cref="UpperDir"/> and <see cref="WorkDir"/> are relative to <see cref="BaseDirectory"/> so that mounts
/// of a hundred layers fit into the kernel's limit.
/// </summary>
public sealed record SnapshotMount(
    string Key, string BaseDirectory, IReadOnlyList<string> LowerDirs, string UpperDir, string WorkDir)
{
    /// <summary>The overlayfs options, with relative paths.</summary>
    public string Options =>
        // The upper directory becomes a layer or is compared with one, so it must hold whole files under their own names.
        $"lowerdir={string.Join(':', LowerDirs)},upperdir={UpperDir},workdir={WorkDir},index=off,redirect_dir=off,metacopy=off";

    /// <summary>The upper directory's absolute path.</summary>
    public string UpperPath => Path.Combine(BaseDirectory, UpperDir);

    /// <summary>A directory inside the snapshot that may serve as mount point; <see cref="SnapshotStore.RemoveAsync"/> unmounts it.</summary>
    public string MountPoint => Path.Combine(BaseDirectory, Path.GetDirectoryName(UpperDir)!, "merged");

    /// <summary>
    /// Mounts on an existing directory (the default is <see cref="MountPoint"/>), in the caller's mount namespace, and returns
    /// it. Takes well under a millisecond. With <paramref name="isVolatile"/> the kernel does not write the upper directory back on
    /// sync(2) and fsync(2) from inside: for snapshots that are thrown away when the machine crashes.
    /// </summary>
    public string Mount(string? target = null, bool isVolatile = false)
    {
        if (target is null)
        {
            Directory.CreateDirectory(MountPoint);
        }
        OverlayMount.Mount(BaseDirectory, isVolatile ? Options + ",volatile" : Options, target ?? MountPoint);
        return target ?? MountPoint;
    }

    /// <summary>Unmounts what <see cref="Mount"/> mounted; nothing when it is not mounted.</summary>
    public void Unmount(string? target = null) => OverlayMount.Unmount(target ?? MountPoint);
}

/// <summary>What a snapshot's own directory takes on the disk.</summary>
public sealed record SnapshotUsage(long SizeBytes, long Inodes);
