using System.Globalization;
using Gantry.Docker.Model;
using Gantry.Engine.Containers;
using Gantry.Network.Ports;

namespace Gantry.Docker.Translation;

/// <summary>Shows a container's spec as Config and HostConfig.</summary>
internal static class HostConfigView
{
    internal static ContainerConfigJson Config(ContainerRecord container)
    {
        ContainerSpec spec = container.Spec;
        return new ContainerConfigJson
        {
            Hostname = spec.HostName.Length > 0 ? spec.HostName : container.ShortId,
            Domainname = spec.DomainName,
            User = spec.User,
            AttachStdin = spec.AttachStdin,
            AttachStdout = spec.AttachStdout,
            AttachStderr = spec.AttachStderr,
            ExposedPorts = spec.ExposedPorts.Count > 0 ? spec.ExposedPorts.ToDictionary(port => port, _ => new EmptyJson()) : null,
            Tty = spec.Terminal,
            OpenStdin = spec.OpenStdin,
            StdinOnce = spec.StdinOnce,
            Env = spec.Environment,
            Cmd = spec.Command,
            Healthcheck = spec.Healthcheck is not { } check ? null : new HealthcheckJson
            {
                Test = check.Test,
                Interval = check.IntervalNs,
                Timeout = check.TimeoutNs,
                StartPeriod = check.StartPeriodNs,
                StartInterval = check.StartIntervalNs,
                Retries = check.Retries,
            },
            Image = spec.Image,
            Volumes = spec.Mounts.Exists(IsAnonymous) ? spec.Mounts.Where(IsAnonymous).ToDictionary(mount => mount.Target, _ => new EmptyJson()) : null,
            WorkingDir = spec.WorkingDirectory,
            Entrypoint = spec.Entrypoint,
            Labels = spec.Labels,
            StopSignal = spec.StopSignal.Length > 0 ? spec.StopSignal : null,
            StopTimeout = spec.StopTimeoutSeconds,
        };
    }

    internal static HostConfigJson HostConfig(ContainerSpec spec)
    {
        ResourceSpec resources = spec.Resources;
        SecuritySpec security = spec.Security;
        return new HostConfigJson
        {
            Binds = spec.Mounts.Where(mount => mount.Kind != ContainerMountKind.Tmpfs && mount.Source.Length > 0 && (mount.CreateSource || mount.Kind == ContainerMountKind.Volume))
                .Select(mount => $"{mount.Source}:{mount.Target}" + (mount.ReadOnly ? ":ro" : "")).ToList() is { Count: > 0 } binds ? binds : null,
            ContainerIDFile = "",
            LogConfig = new LogConfigJson(spec.LogDriver, spec.LogOptions),
            NetworkMode = spec.NetworkMode is "default" ? "bridge" : spec.NetworkMode,
            PortBindings = spec.Ports.GroupBy(port => $"{port.ContainerPort}/{port.Protocol}").ToDictionary(group => group.Key, Bindings),
            RestartPolicy = new RestartPolicyJson(spec.RestartPolicy.Name, spec.RestartPolicy.MaximumRetryCount),
            AutoRemove = spec.AutoRemove,
            VolumeDriver = "",
            VolumesFrom = spec.VolumesFrom.Count > 0 ? spec.VolumesFrom : null,
            ConsoleSize = spec.TerminalSize is { } size ? [size.Rows, size.Columns] : [0, 0],
            CapAdd = security.CapAdd.Count > 0 ? security.CapAdd : null,
            CapDrop = security.CapDrop.Count > 0 ? security.CapDrop : null,
            CgroupnsMode = "host",
            Dns = spec.Dns,
            DnsOptions = spec.DnsOptions,
            DnsSearch = spec.DnsSearch,
            ExtraHosts = spec.ExtraHosts.Count > 0 ? spec.ExtraHosts : null,
            GroupAdd = spec.Groups.Count > 0 ? spec.Groups : null,
            IpcMode = spec.IpcMode.Length > 0 ? spec.IpcMode : "private",
            Cgroup = "",
            OomScoreAdj = resources.OomScoreAdj,
            PidMode = spec.PidMode,
            Privileged = security.Privileged,
            PublishAllPorts = spec.PublishAllPorts,
            ReadonlyRootfs = security.ReadOnlyRoot,
            SecurityOpt = security.SecurityOpt.Count > 0 ? security.SecurityOpt : null,
            Tmpfs = spec.Mounts.Where(mount => mount is { Kind: ContainerMountKind.Tmpfs, Mode: "" }).ToDictionary(mount => mount.Target, mount => string.Join(',', mount.Options)) is { Count: > 0 } tmpfs ? tmpfs : null,
            UTSMode = spec.UtsMode,
            UsernsMode = "",
            ShmSize = resources.ShmSize > 0 ? resources.ShmSize : 64L << 20,
            Sysctls = spec.Sysctls.Count > 0 ? spec.Sysctls : null,
            Runtime = spec.Runtime.Length > 0 ? spec.Runtime : "gantry",
            Isolation = "",
            MaskedPaths = security.Privileged ? null : security.MaskedPaths,
            ReadonlyPaths = security.Privileged ? null : security.ReadonlyPaths,
            CpuShares = resources.CpuShares,
            Memory = resources.Memory,
            NanoCpus = resources.NanoCpus,
            CgroupParent = spec.CgroupParent,
            BlkioWeight = resources.BlkioWeight,
            CpuPeriod = resources.CpuPeriod,
            CpuQuota = resources.CpuQuota,
            CpusetCpus = resources.CpusetCpus,
            CpusetMems = resources.CpusetMems,
            Devices = [.. security.Devices.Select(device => new DeviceMappingJson(device.HostPath, device.ContainerPath, device.Permissions))],
            DeviceCgroupRules = security.DeviceRules.Count > 0 ? security.DeviceRules : null,
            MemoryReservation = resources.MemoryReservation,
            MemorySwap = resources.MemorySwap == 0 && resources.Memory > 0 ? resources.Memory * 2 : resources.MemorySwap,
            MemorySwappiness = resources.MemorySwappiness,
            OomKillDisable = resources.OomKillDisable,
            PidsLimit = resources.PidsLimit,
            Ulimits = [.. resources.Ulimits.Select(limit => new UlimitJson(limit.Name, limit.Soft, limit.Hard))],
        };
    }

    private static bool IsAnonymous(ContainerMount mount) => mount is { Kind: ContainerMountKind.Volume, Source: "" };

    private static List<PortBindingJson>? Bindings(IEnumerable<PortMapping> ports) =>
        [.. ports.Select(port => new PortBindingJson(port.HostAddress == "0.0.0.0" ? "" : port.HostAddress, port.HostPort == 0 ? "" : port.HostPort.ToString(CultureInfo.InvariantCulture)))];
}
