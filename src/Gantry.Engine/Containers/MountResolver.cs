using Gantry.Engine.Volumes;
using Gantry.Faults;
using Gantry.Oci.Runtime;

namespace Gantry.Engine.Containers;

/// <summary>Turns asked-for mounts into mount points (making volumes), and mount points into the runtime's mounts.</summary>
internal sealed class MountResolver(VolumeStore volumes)
{
    /// <summary>Resolves all mounts of a spec; <paramref name="inherited"/> are those of --volumes-from, which come first.</summary>
    internal async Task<List<MountPoint>> ResolveAsync(ContainerSpec spec, IEnumerable<MountPoint> inherited, CancellationToken cancellationToken)
    {
        List<MountPoint> points = [.. inherited];
        foreach (ContainerMount mount in spec.Mounts)
        {
            if (!mount.Target.StartsWith('/'))
            {
                throw Invalid(mount, $"invalid mount path: '{mount.Target}' mount path must be absolute");
            }

            if (mount.Target.TrimEnd('/').Length == 0)
            {
                throw Invalid(mount, $"invalid specification: destination can't be '/'");
            }

            string target = mount.Target.TrimEnd('/');
            // The image's volumes come last in the spec and yield to what is there already.
            bool fromImage = mount is { Kind: ContainerMountKind.Volume, Source: "", Mode: "" } && points.Exists(point => point.Destination == target);
            if (fromImage)
            {
                continue;
            }

            if (points.Exists(point => point.Destination == target && spec.Mounts.Exists(other => other != mount && other.Target.TrimEnd('/') == target)))
            {
                throw new FaultException(FaultKind.InvalidArgument, $"Duplicate mount point: {target}");
            }

            points.RemoveAll(point => point.Destination == target);
            points.Add(mount.Kind switch
            {
                ContainerMountKind.Bind => ResolveBind(mount, target),
                ContainerMountKind.Volume => await ResolveVolumeAsync(mount, target, cancellationToken).ConfigureAwait(false),
                _ => new MountPoint { Kind = ContainerMountKind.Tmpfs, Destination = target, Options = mount.Options, Writable = !mount.ReadOnly },
            });
        }

        return points;
    }

    /// <summary>The runtime's mounts.</summary>
    internal List<MountSpec> Translate(IEnumerable<MountPoint> points) => [.. points.Select(Translate)];

    private MountSpec Translate(MountPoint point)
    {
        if (point.Kind == ContainerMountKind.Tmpfs)
        {
            return new MountSpec
            {
                Destination = point.Destination,
                Type = "tmpfs",
                Source = "tmpfs",
                Options = ["nosuid", "nodev", "noexec", .. point.Writable ? Array.Empty<string>() : ["ro"], .. point.Options],
            };
        }

        string source = point.Kind == ContainerMountKind.Volume && point.Source.Length == 0 ? volumes.DataPath(point.Name) : point.Source;
        return new MountSpec
        {
            Destination = point.Destination,
            Type = "bind",
            Source = source,
            Options = [point.Recursive ? "rbind" : "bind", point.Writable ? "rw" : "ro", point.Propagation.Length > 0 ? point.Propagation : "rprivate"],
        };
    }

    private static MountPoint ResolveBind(ContainerMount mount, string target)
    {
        if (!mount.Source.StartsWith('/'))
        {
            throw Invalid(mount, $"invalid mount path: '{mount.Source}' mount path must be absolute");
        }

        string source = mount.Source.Length > 1 ? mount.Source.TrimEnd('/') : mount.Source;
        if (!Path.Exists(source))
        {
            if (!mount.CreateSource)
            {
                throw Invalid(mount, $"bind source path does not exist: {source}");
            }

            Directory.CreateDirectory(source);
        }

        return new MountPoint
        {
            Kind = ContainerMountKind.Bind,
            Source = source,
            Destination = target,
            Mode = mount.Mode,
            Writable = !mount.ReadOnly,
            Propagation = mount.Propagation.Length > 0 ? mount.Propagation : "rprivate",
            Recursive = !mount.NonRecursive,
        };
    }

    private async Task<MountPoint> ResolveVolumeAsync(ContainerMount mount, string target, CancellationToken cancellationToken)
    {
        VolumeRecord volume = await volumes.CreateAsync(mount.Source, mount.VolumeDriver, mount.VolumeLabels, mount.VolumeOptions, cancellationToken).ConfigureAwait(false);
        string path = volumes.DataPath(volume.Name);
        if (mount.SubPath.Length > 0)
        {
            string full = Path.GetFullPath(Path.Combine(path, mount.SubPath));
            if (!full.StartsWith(path + "/", StringComparison.Ordinal) || !Path.Exists(full))
            {
                throw Invalid(mount, $"cannot access path {mount.SubPath} in volume {volume.Name}");
            }

            path = full;
        }

        return new MountPoint
        {
            Kind = ContainerMountKind.Volume,
            Name = volume.Name,
            Source = path,
            Destination = target,
            Mode = mount.Mode,
            Writable = !mount.ReadOnly,
            Propagation = mount.Propagation,
            Anonymous = mount.Source.Length == 0,
            Options = mount.NoCopy ? ["nocopy"] : [],
        };
    }

    private static FaultException Invalid(ContainerMount mount, string reason) =>
        new(FaultKind.InvalidArgument, $"invalid mount config for type \"{mount.Kind.ToString().ToLowerInvariant()}\": {reason}");
}
