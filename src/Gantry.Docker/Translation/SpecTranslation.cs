using System.Globalization;
using Gantry.Docker.Model;
using Gantry.Engine.Containers;
using Gantry.Faults;
using Gantry.Network.Ports;

namespace Gantry.Docker.Translation;

/// <summary>Translates the body of containers/create to the engine's spec.</summary>
internal static class SpecTranslation
{
    internal static ContainerSpec Translate(CreateContainerJson body, string name)
    {
        HostConfigJson host = body.HostConfig ?? new HostConfigJson();
        RefuseUnsupported(host);
        return new ContainerSpec
        {
            Name = name,
            Image = body.Image is { Length: > 0 } image ? image : throw new FaultException(FaultKind.InvalidArgument, "no image specified"),
            Command = body.Cmd,
            Entrypoint = body.Entrypoint,
            Environment = body.Env ?? [],
            WorkingDirectory = body.WorkingDir ?? "",
            User = body.User ?? "",
            Groups = host.GroupAdd ?? [],
            HostName = body.Hostname ?? "",
            DomainName = body.Domainname ?? "",
            Labels = body.Labels ?? [],
            Terminal = body.Tty,
            OpenStdin = body.OpenStdin,
            StdinOnce = body.StdinOnce,
            AttachStdin = body.AttachStdin,
            AttachStdout = body.AttachStdout,
            AttachStderr = body.AttachStderr,
            StopSignal = body.StopSignal ?? "",
            StopTimeoutSeconds = body.StopTimeout,
            ExposedPorts = [.. (body.ExposedPorts ?? []).Keys.Concat((host.PortBindings ?? []).Keys).Select(PortName).Distinct()],
            Healthcheck = Healthcheck(body.Healthcheck),
            Mounts = MountTranslation.Translate(body, host),
            VolumesFrom = host.VolumesFrom ?? [],
            NetworkMode = body.NetworkDisabled == true ? "none" : host.NetworkMode is { Length: > 0 } mode ? mode : "default",
            Endpoints = (body.NetworkingConfig?.EndpointsConfig ?? []).ToDictionary(pair => pair.Key, pair => Endpoint(pair.Value, body.MacAddress)),
            Ports = [.. Ports(host)],
            PublishAllPorts = host.PublishAllPorts,
            RestartPolicy = RestartPolicy(host.RestartPolicy) ?? new RestartPolicy("no", 0),
            AutoRemove = host.AutoRemove,
            Resources = Resources(host) with { OomScoreAdj = host.OomScoreAdj, ShmSize = host.ShmSize },
            Security = Security(host),
            Sysctls = host.Sysctls ?? [],
            ExtraHosts = host.ExtraHosts ?? [],
            Dns = host.Dns ?? [],
            DnsSearch = host.DnsSearch ?? [],
            DnsOptions = host.DnsOptions ?? [],
            IpcMode = host.IpcMode is "private" or "shareable" ? "" : host.IpcMode ?? "",
            PidMode = host.PidMode ?? "",
            UtsMode = host.UTSMode ?? "",
            CgroupParent = host.CgroupParent ?? "",
            LogDriver = host.LogConfig?.Type is { Length: > 0 } driver ? driver : "json-file",
            LogOptions = host.LogConfig?.Config ?? [],
            Runtime = host.Runtime ?? "",
            Init = host.Init == true,
            TerminalSize = host.ConsoleSize is [> 0 and int rows, > 0 and int columns] ? new TerminalSize((ushort)columns, (ushort)rows) : null,
        };
    }

    /// <summary>What would silently do nothing is said instead.</summary>
    private static void RefuseUnsupported(HostConfigJson host)
    {
        string? refused = host.Links is { Count: > 0 } ? "container links are not supported; use a user-defined network"
            : host.DeviceRequests is { Count: > 0 } ? "device requests (--gpus) are not supported; use --device"
            : host.UsernsMode is { Length: > 0 } and not "host" ? $"user namespace mode \"{host.UsernsMode}\" is not supported"
            : host.StorageOpt is { Count: > 0 } ? "--storage-opt is supported only for overlay over xfs with 'pquota' mount option"
            : null;
        if (refused is not null)
        {
            throw new FaultException(FaultKind.NotImplemented, refused);
        }
    }

    internal static ResourceSpec Resources(ResourcesJson json) => new()
    {
        Memory = json.Memory,
        MemorySwap = json.MemorySwap,
        MemoryReservation = json.MemoryReservation,
        MemorySwappiness = json.MemorySwappiness is >= 0 ? json.MemorySwappiness : null,
        NanoCpus = json.NanoCpus,
        CpuShares = json.CpuShares,
        CpuQuota = json.CpuQuota,
        CpuPeriod = json.CpuPeriod,
        CpusetCpus = json.CpusetCpus ?? "",
        CpusetMems = json.CpusetMems ?? "",
        PidsLimit = json.PidsLimit,
        BlkioWeight = json.BlkioWeight,
        OomKillDisable = json.OomKillDisable,
        Ulimits = [.. (json.Ulimits ?? []).Select(limit => new UlimitSpec(limit.Name, limit.Soft, limit.Hard))],
    };

    internal static RestartPolicy? RestartPolicy(RestartPolicyJson? json) =>
        json is null ? null : new RestartPolicy(json.Name is { Length: > 0 } name ? name : "no", json.MaximumRetryCount);

    internal static EndpointSpec Endpoint(EndpointSettingsJson? json, string? macAddress = null) => new()
    {
        Aliases = json?.Aliases ?? [],
        Address = json?.IPAMConfig?.IPv4Address ?? "",
        HardwareAddress = json?.MacAddress is { Length: > 0 } own ? own : macAddress ?? "",
    };

    /// <summary>80 is 80/tcp.</summary>
    private static string PortName(string port) => port.Contains('/', StringComparison.Ordinal) ? port : port + "/tcp";

    private static HealthcheckSpec? Healthcheck(HealthcheckJson? json) => json is null ? null : new HealthcheckSpec
    {
        Test = json.Test ?? [],
        IntervalNs = json.Interval ?? 0,
        TimeoutNs = json.Timeout ?? 0,
        StartPeriodNs = json.StartPeriod ?? 0,
        StartIntervalNs = json.StartInterval ?? 0,
        Retries = json.Retries ?? 0,
    };

    private static IEnumerable<PortMapping> Ports(HostConfigJson host)
    {
        foreach ((string key, List<PortBindingJson>? bindings) in host.PortBindings ?? [])
        {
            string[] parts = PortName(key).Split('/');
            foreach (PortBindingJson binding in bindings ?? [])
            {
                // An address of IPv6 alone cannot be served: containers have IPv4.
                if (binding.HostIp is { } address && address.Contains(':', StringComparison.Ordinal))
                {
                    continue;
                }

                string[] range = (binding.HostPort is { Length: > 0 } text ? text : "0").Split('-');
                yield return new PortMapping(parts[1], Port(parts[0]), binding.HostIp is { Length: > 0 } ip ? ip : "0.0.0.0", Port(range[0]), range.Length == 2 ? Port(range[1]) : (ushort)0);
            }
        }
    }

    private static ushort Port(string text) => ushort.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out ushort port)
        ? port
        : throw new FaultException(FaultKind.InvalidArgument, $"invalid port specification: \"{text}\"");

    private static SecuritySpec Security(HostConfigJson host)
    {
        List<string> options = host.SecurityOpt ?? [];
        string? seccomp = null;
        bool noNewPrivileges = false;
        foreach (string option in options)
        {
            string[] parts = option.Split(['=', ':'], 2);
            switch (parts[0])
            {
                case "no-new-privileges":
                    noNewPrivileges = parts.Length == 1 || parts[1] == "true";
                    break;
                case "seccomp" when parts.Length == 2:
                    seccomp = parts[1] == "builtin" ? null : parts[1];
                    break;
                case "apparmor" or "label" or "writable-cgroups" or "systempaths":
                    break;
                default:
                    throw new FaultException(FaultKind.InvalidArgument, $"invalid --security-opt: \"{option}\"");
            }
        }

        return new SecuritySpec
        {
            Privileged = host.Privileged,
            CapAdd = host.CapAdd ?? [],
            CapDrop = host.CapDrop ?? [],
            ReadOnlyRoot = host.ReadonlyRootfs,
            NoNewPrivileges = noNewPrivileges,
            Seccomp = seccomp,
            SecurityOpt = options,
            Devices = [.. (host.Devices ?? []).Select(device => new DeviceMapping(device.PathOnHost ?? "", device.PathInContainer ?? device.PathOnHost ?? "", device.CgroupPermissions ?? "rwm"))],
            DeviceRules = host.DeviceCgroupRules ?? [],
            MaskedPaths = host.MaskedPaths,
            ReadonlyPaths = host.ReadonlyPaths,
        };
    }
}
