using System.Globalization;
using Gantry.Docker.Model;
using Gantry.Docker.Protocol;
using Gantry.Engine;
using Gantry.Engine.Containers;
using Gantry.Network.Networks;
using Gantry.Network.Ports;
using Gantry.Network.Sandboxes;

namespace Gantry.Docker.Translation;

/// <summary>Shows containers as Docker does.</summary>
internal sealed class ContainerView(ContainerEngine engine)
{
    internal ContainerInspectJson Inspect(ContainerRecord container)
    {
        bool ownFiles = container.Spec.SandboxId is null;
        return new ContainerInspectJson
        {
            Id = container.Id,
            Created = TimestampText.Format(container.CreatedAt),
            Path = container.Arguments[0],
            Args = container.Arguments[1..],
            State = State(container),
            Image = container.ImageId,
            ResolvConfPath = ownFiles ? engine.EtcPath(container, "resolv.conf") : "",
            HostnamePath = ownFiles ? engine.EtcPath(container, "hostname") : "",
            HostsPath = ownFiles ? engine.EtcPath(container, "hosts") : "",
            LogPath = engine.LogPath(container) ?? "",
            Name = "/" + container.Name,
            RestartCount = container.RestartCount,
            ExecIDs = engine.ListExecs(container.Id).ToList() is { Count: > 0 } execs ? execs : null,
            HostConfig = HostConfigView.HostConfig(container.Spec),
            GraphDriver = new GraphDriverJson("overlay2", []),
            Mounts = Mounts(container),
            Config = HostConfigView.Config(container),
            NetworkSettings = Network(container),
        };
    }

    internal ContainerSummaryJson Summarize(ContainerRecord container) => new()
    {
        Id = container.Id,
        Names = ["/" + container.Name],
        Image = container.Spec.Image,
        ImageID = container.ImageId,
        Command = string.Join(' ', container.Arguments.Select(Quote)),
        Created = container.CreatedAt.ToUnixTimeSeconds(),
        Ports = Ports(container),
        Labels = container.Spec.Labels,
        State = StateName(container),
        Status = StatusText(container),
        HostConfig = new SummaryHostConfigJson(container.Spec.NetworkMode),
        NetworkSettings = new SummaryNetworksJson(Endpoints(container)),
        Mounts = Mounts(container),
    };

    internal static string StateName(ContainerRecord container) => container.Status.ToString().ToLowerInvariant();

    /// <summary>As in docker ps: "Up 5 minutes (healthy)", "Exited (0) 2 hours ago".</summary>
    internal static string StatusText(ContainerRecord container)
    {
        DateTimeOffset now = DateTimeOffset.UtcNow;
        string Ago(DateTimeOffset? time) => HumanSpan(now - (time ?? now));
        return container.Status switch
        {
            ContainerStatus.Running => $"Up {Ago(container.StartedAt)}" + (container.Health is { } health ? health.Status == "starting" ? " (health: starting)" : $" ({health.Status})" : ""),
            ContainerStatus.Paused => $"Up {Ago(container.StartedAt)} (Paused)",
            ContainerStatus.Restarting => $"Restarting ({container.ExitCode}) {Ago(container.FinishedAt)} ago",
            ContainerStatus.Removing => "Removal In Progress",
            ContainerStatus.Dead => "Dead",
            ContainerStatus.Created => "Created",
            _ => $"Exited ({container.ExitCode}) {Ago(container.FinishedAt)} ago",
        };
    }

    internal List<MountPointJson> Mounts(ContainerRecord container) => [.. container.MountPoints.Where(point => point.Kind != ContainerMountKind.Tmpfs || container.Spec.Mounts.Exists(mount => mount.Mode == "z" && mount.Target == point.Destination)).Select(point => new MountPointJson
    {
        Type = point.Kind.ToString().ToLowerInvariant(),
        Name = point.Kind == ContainerMountKind.Volume ? point.Name : null,
        Source = point.Source,
        Destination = point.Destination,
        Driver = point.Kind == ContainerMountKind.Volume ? "local" : null,
        Mode = point.Mode,
        RW = point.Writable,
        Propagation = point.Propagation,
    })];

    private static ContainerStateJson State(ContainerRecord container) => new()
    {
        Status = StateName(container),
        Running = container.IsRunning || container.Status == ContainerStatus.Restarting,
        Paused = container.Status == ContainerStatus.Paused,
        Restarting = container.Status == ContainerStatus.Restarting,
        OOMKilled = container.OomKilled,
        Dead = container.Status == ContainerStatus.Dead,
        Pid = container.Pid,
        ExitCode = container.ExitCode,
        Error = container.Error,
        StartedAt = TimestampText.Format(container.StartedAt),
        FinishedAt = TimestampText.Format(container.FinishedAt),
        Health = container.Health is not { } health ? null : new HealthJson(health.Status, health.FailingStreak,
            [.. health.Log.Select(result => new HealthResultJson(TimestampText.Format(result.Start), TimestampText.Format(result.End), result.ExitCode, result.Output))]),
    };

    private NetworkSettingsJson Network(ContainerRecord container)
    {
        SandboxRecord? sandbox = container.IsRunning ? engine.Networks.FindSandbox(container.Id) : null;
        EndpointRecord? first = sandbox?.Endpoints.Find(endpoint => endpoint.NetworkName == "bridge");
        return new NetworkSettingsJson
        {
            SandboxID = sandbox?.Id ?? "",
            SandboxKey = sandbox?.NetworkPath ?? "",
            Ports = container.IsRunning ? PortMap(container, sandbox) : [],
            EndpointID = first?.EndpointId ?? "",
            Gateway = first?.Gateway ?? "",
            IPAddress = first?.Address ?? "",
            IPPrefixLen = first?.PrefixLength ?? 0,
            MacAddress = first?.HardwareAddress ?? "",
            Networks = Endpoints(container),
        };
    }

    private Dictionary<string, EndpointSettingsJson?> Endpoints(ContainerRecord container)
    {
        ContainerSpec spec = container.Spec;
        Dictionary<string, EndpointSettingsJson?> endpoints = [];
        if (spec.SandboxId is not null || spec.NetworkMode.StartsWith("container:", StringComparison.Ordinal))
        {
            return endpoints;
        }

        SandboxRecord? sandbox = engine.Networks.FindSandbox(container.Id);
        string primary = spec.NetworkMode is "" or "default" ? "bridge" : spec.NetworkMode;
        foreach (string key in spec.Endpoints.Keys.Prepend(primary))
        {
            NetworkRecord? network = FindNetwork(key is "default" ? "bridge" : key);
            string name = network?.Name ?? key;
            if (endpoints.ContainsKey(name))
            {
                continue;
            }

            EndpointSpec settings = spec.Endpoints.GetValueOrDefault(key) ?? spec.Endpoints.GetValueOrDefault(name) ?? new EndpointSpec();
            EndpointRecord? live = sandbox?.Endpoints.Find(endpoint => endpoint.NetworkId == network?.Id);
            endpoints[name] = new EndpointSettingsJson
            {
                IPAMConfig = settings.Address.Length > 0 ? new IpamEndpointJson(settings.Address, null) : null,
                Aliases = settings.Aliases.Count > 0 ? settings.Aliases : null,
                NetworkID = network?.Id ?? "",
                EndpointID = live?.EndpointId ?? "",
                Gateway = live?.Gateway ?? "",
                IPAddress = live?.Address ?? "",
                IPPrefixLen = live?.PrefixLength ?? 0,
                MacAddress = live?.HardwareAddress ?? settings.HardwareAddress,
                IPv6Gateway = "",
                GlobalIPv6Address = "",
                DNSNames = live is { Names.Count: > 0 } ? live.Names : null,
            };
        }

        return endpoints;
    }

    private NetworkRecord? FindNetwork(string reference)
    {
        try
        {
            return engine.Networks.GetNetwork(reference);
        }
        catch (Faults.FaultException)
        {
            // The network of a stopped container may have been removed.
            return null;
        }
    }

    private static Dictionary<string, List<PortBindingJson>?> PortMap(ContainerRecord container, SandboxRecord? sandbox)
    {
        Dictionary<string, List<PortBindingJson>?> ports = container.Spec.ExposedPorts.ToDictionary(port => port, _ => (List<PortBindingJson>?)null);
        foreach (PortMapping port in sandbox?.Ports ?? [])
        {
            string key = $"{port.ContainerPort}/{port.Protocol}";
            List<PortBindingJson> bindings = ports.GetValueOrDefault(key) ?? [];
            bindings.Add(new PortBindingJson(port.HostAddress, port.HostPort.ToString(CultureInfo.InvariantCulture)));
            ports[key] = bindings;
        }

        return ports;
    }

    private List<PortJson> Ports(ContainerRecord container)
    {
        if (!container.IsRunning)
        {
            return [];
        }

        List<PortMapping> published = engine.Networks.FindSandbox(container.Id)?.Ports ?? [];
        List<PortJson> ports = [.. published.Select(port => new PortJson(port.HostAddress, port.ContainerPort, port.HostPort, port.Protocol))];
        foreach (string exposed in container.Spec.ExposedPorts)
        {
            string[] parts = exposed.Split('/');
            if (ushort.TryParse(parts[0], out ushort number) && !ports.Exists(port => port.PrivatePort == number && port.Type == parts[1]))
            {
                ports.Add(new PortJson(null, number, null, parts[1]));
            }
        }

        return ports;
    }

    private static string Quote(string word) =>
        word.Length > 0 && !word.AsSpan().ContainsAny(" \t\n'\"") ? word : "'" + word.Replace("'", "'\\''", StringComparison.Ordinal) + "'";

    /// <summary>Docker's rounding of a span (go-units HumanDuration's published behaviour).</summary>
    private static string HumanSpan(TimeSpan span)
    {
        static string Of(double number, string unit) => FormattableString.Invariant($"{(int)number} {unit}");
        return span.TotalSeconds < 1 ? "Less than a second"
            : span.TotalSeconds < 2 ? "1 second"
            : span.TotalSeconds < 60 ? Of(span.TotalSeconds, "seconds")
            : span.TotalMinutes < 2 ? "About a minute"
            : span.TotalMinutes < 60 ? Of(span.TotalMinutes, "minutes")
            : Math.Round(span.TotalHours) <= 1 ? "About an hour"
            : span.TotalHours < 48 ? Of(Math.Round(span.TotalHours), "hours")
            : span.TotalDays < 14 ? Of(span.TotalDays, "days")
            : span.TotalDays < 60 ? Of(span.TotalDays / 7, "weeks")
            : span.TotalDays < 730 ? Of(span.TotalDays / 30, "months")
            : Of(span.TotalDays / 365, "years");
    }
}
