using System.Globalization;
using Gantry.Docker.Model;
using Gantry.Engine.Containers;
using Gantry.Faults;

namespace Gantry.Docker.Translation;

/// <summary>Translates the four ways in which Docker's clients ask for mounts: -v, --mount, --tmpfs and anonymous volumes.</summary>
internal static class MountTranslation
{
    private static readonly string[] s_propagations = ["private", "rprivate", "shared", "rshared", "slave", "rslave"];

    internal static List<ContainerMount> Translate(ContainerConfigJson config, HostConfigJson host) =>
    [
        .. (host.Binds ?? []).Select(bind => Bind(bind, host.VolumeDriver)),
        .. (host.Mounts ?? []).Select(Mount),
        .. (host.Tmpfs ?? []).Select(tmpfs => new ContainerMount
        {
            Kind = ContainerMountKind.Tmpfs,
            Target = tmpfs.Key,
            Options = [.. tmpfs.Value.Split(',', StringSplitOptions.RemoveEmptyEntries)],
        }),
        .. (config.Volumes ?? []).Keys
            .Where(target => !(host.Binds ?? []).Exists(bind => bind.Split(':') is [_, string other, ..] && other == target))
            .Select(target => target.Contains(':', StringComparison.Ordinal)
                ? Bind(target, host.VolumeDriver)
                : new ContainerMount { Kind = ContainerMountKind.Volume, Target = target }),
    ];

    /// <summary>source:target[:options], where a source with a slash is a path and any other a volume's name.</summary>
    private static ContainerMount Bind(string text, string? volumeDriver)
    {
        string[] parts = text.Split(':');
        if (parts.Length is < 2 or > 3 || parts[0].Length == 0 || parts[1].Length == 0)
        {
            throw new FaultException(FaultKind.InvalidArgument, $"invalid volume specification: '{text}'");
        }

        string mode = parts.Length == 3 ? parts[2] : "";
        string[] options = mode.Split(',', StringSplitOptions.RemoveEmptyEntries);
        if (Array.Find(options, option => option is not ("ro" or "rw" or "z" or "Z" or "nocopy" or "cached" or "delegated" or "consistent") && !s_propagations.Contains(option)) is not null)
        {
            throw new FaultException(FaultKind.InvalidArgument, $"invalid mode: {mode}");
        }

        bool isPath = parts[0].StartsWith('/');
        return new ContainerMount
        {
            Kind = isPath ? ContainerMountKind.Bind : ContainerMountKind.Volume,
            Source = parts[0],
            Target = parts[1],
            Mode = mode.Length > 0 ? mode : isPath ? "" : "z",
            ReadOnly = options.Contains("ro"),
            NoCopy = options.Contains("nocopy"),
            Propagation = Array.Find(options, option => s_propagations.Contains(option)) ?? "",
            CreateSource = isPath,
            VolumeDriver = volumeDriver is { Length: > 0 } ? volumeDriver : "local",
        };
    }

    private static ContainerMount Mount(MountJson mount)
    {
        ContainerMountKind kind = mount.Type switch
        {
            "bind" => ContainerMountKind.Bind,
            "volume" => ContainerMountKind.Volume,
            "tmpfs" => ContainerMountKind.Tmpfs,
            _ => throw new FaultException(FaultKind.InvalidArgument, $"invalid mount config for type \"{mount.Type}\": mount type unknown"),
        };
        List<string> options = [];
        if (mount.TmpfsOptions is { } tmpfs)
        {
            if (tmpfs.SizeBytes > 0)
            {
                options.Add("size=" + tmpfs.SizeBytes.ToString(CultureInfo.InvariantCulture));
            }

            if (tmpfs.Mode > 0)
            {
                options.Add("mode=" + Convert.ToString(tmpfs.Mode & 0xfff, 8));
            }
        }

        return new ContainerMount
        {
            Kind = kind,
            Source = mount.Source ?? "",
            Target = mount.Target ?? "",
            ReadOnly = mount.ReadOnly,
            Propagation = mount.BindOptions?.Propagation ?? "",
            NonRecursive = mount.BindOptions?.NonRecursive ?? false,
            CreateSource = mount.BindOptions?.CreateMountpoint ?? false,
            NoCopy = mount.VolumeOptions?.NoCopy ?? false,
            SubPath = mount.VolumeOptions?.Subpath ?? "",
            VolumeDriver = mount.VolumeOptions?.DriverConfig?.Name is { Length: > 0 } driver ? driver : "local",
            VolumeOptions = mount.VolumeOptions?.DriverConfig?.Options ?? [],
            VolumeLabels = mount.VolumeOptions?.Labels ?? [],
            Options = options,
            Mode = "z",
        };
    }
}
