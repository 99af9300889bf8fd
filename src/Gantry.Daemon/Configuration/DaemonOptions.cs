using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using Gantry.Daemon.Storage;
using Gantry.Faults;
using Gantry.Network.Addresses;

namespace Gantry.Daemon.Configuration;

/// <summary>Everything that can be set, validated.</summary>
internal sealed record DaemonOptions
{
    /// <summary>The default root: the one instance that has the well-known places.</summary>
    public const string DefaultRoot = "/var/lib/gantry";

    private static readonly HashSet<string> s_known =
    [
        "config", "root", "run-directory", "docker-socket", "kubeconfig", "runtime", "api-address", "registry-address", "container-range", "pod-range",
        "service-range", "node-ports", "node-name", "node-address", "cluster-domain", "registry-mirrors", "insecure-registries", "log-level",
        "history-age", "history-size", .. StoreChoice.Settings,
    ];

    public required string Root { get; init; }

    public required string RunDirectory { get; init; }

    public required string DockerSocket { get; init; }

    public required string Kubeconfig { get; init; }

    public required string RuntimePath { get; init; }

    public required IPEndPoint ApiAddress { get; init; }

    public required IPEndPoint RegistryAddress { get; init; }

    public required Ipv4Range ContainerRange { get; init; }

    public required Ipv4Range PodClusterRange { get; init; }

    public required Ipv4Range ServiceRange { get; init; }

    public required int FirstNodePort { get; init; }

    public required int LastNodePort { get; init; }

    public required string NodeName { get; init; }

    public required IPAddress NodeAddress { get; init; }

    public required string ClusterDomain { get; init; }

    public required IReadOnlyList<string> RegistryMirrors { get; init; }

    public required IReadOnlyList<string> InsecureRegistries { get; init; }

    public required string LogLevel { get; init; }

    /// <summary>Where the cluster's state is.</summary>
    public required StoreChoice Store { get; init; }

    /// <summary>How much of the cluster's past is kept.</summary>
    public required HistoryLimits History { get; init; }

    /// <summary>Names the instance in interfaces, tables and cgroups: short, lasting, and different for every root.</summary>
    public string InstanceId => Root == DefaultRoot ? "main" : Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(Root)))[..5];

    public string ControlSocket => Path.Combine(RunDirectory, "gantry.sock");

    /// <summary>This node's part of the pod range: its first /24.</summary>
    public Ipv4Range NodePodRange => new(PodClusterRange.Base, Math.Max(24, PodClusterRange.PrefixLength));

    public IPAddress DnsAddress => Ipv4Range.ToAddress(ServiceRange.Base + 10);

    public string CgroupRoot => $"/gantry-{InstanceId}";

    /// <summary>Reads and checks; throws InvalidArgument with every mistake at once.</summary>
    public static DaemonOptions Read(IReadOnlyList<string> arguments)
    {
        var settings = new Settings(arguments, s_known);
        var errors = new List<string>();
        var root = Path.GetFullPath(settings.Get("root") ?? DefaultRoot);
        var isDefault = root == DefaultRoot;
        var run = settings.Get("run-directory") ?? (isDefault ? "/run/gantry" : $"/run/gantry-{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(root)))[..5]}");
        var (firstPort, lastPort) = Ports(settings.Get("node-ports") ?? "30000-32767", errors);
        var store = StoreChoice.Read(settings.Get, errors);
        var options = new DaemonOptions
        {
            Root = root,
            Store = errors.Count == 0 ? StoreChoiceFile.Resolve(root, store) : new StoreChoice(),
            History = new HistoryLimits(
                Duration("history-age", settings.Get("history-age"), HistoryLimits.Default.Age, errors),
                Size("history-size", settings.Get("history-size"), HistoryLimits.Default.Bytes, errors)),
            RunDirectory = run,
            DockerSocket = settings.Get("docker-socket") ?? Path.Combine(run, "docker.sock"),
            Kubeconfig = settings.Get("kubeconfig") ?? (isDefault ? "/etc/gantry/kubeconfig" : Path.Combine(root, "kubeconfig")),
            RuntimePath = settings.Get("runtime") ?? Path.Combine(AppContext.BaseDirectory, "gantry-runtime"),
            ApiAddress = EndPoint("api-address", settings.Get("api-address") ?? "0.0.0.0:6443", errors),
            RegistryAddress = EndPoint("registry-address", settings.Get("registry-address") ?? "127.0.0.1:5000", errors),
            ContainerRange = Range("container-range", settings.Get("container-range") ?? "172.30.0.0/16", errors),
            PodClusterRange = Range("pod-range", settings.Get("pod-range") ?? "10.42.0.0/16", errors),
            ServiceRange = Range("service-range", settings.Get("service-range") ?? "10.43.0.0/16", errors),
            FirstNodePort = firstPort,
            LastNodePort = lastPort,
            NodeName = (settings.Get("node-name") ?? Environment.MachineName).ToLowerInvariant(),
            NodeAddress = Address("node-address", settings.Get("node-address"), errors) ?? HostAddress.Find(),
            ClusterDomain = settings.Get("cluster-domain") ?? "cluster.local",
            RegistryMirrors = List(settings.Get("registry-mirrors")),
            InsecureRegistries = List(settings.Get("insecure-registries")),
            LogLevel = settings.Get("log-level") ?? "Information",
        };
        options.Check(errors);
        return errors.Count == 0 ? options : throw new FaultException(FaultKind.InvalidArgument, string.Join("; ", errors));
    }

    private void Check(List<string> errors)
    {
        if (!File.Exists(RuntimePath))
        {
            errors.Add($"the runtime {RuntimePath} does not exist; build it or give --runtime");
        }

        (string Name, Ipv4Range Range)[] ranges = [("container-range", ContainerRange), ("pod-range", PodClusterRange), ("service-range", ServiceRange)];
        for (var i = 0; i < ranges.Length; i++)
        {
            for (var j = i + 1; j < ranges.Length; j++)
            {
                if (ranges[i].Range.Overlaps(ranges[j].Range))
                {
                    errors.Add($"{ranges[i].Name} {ranges[i].Range} overlaps {ranges[j].Name} {ranges[j].Range}");
                }
            }
        }
    }

    private static IPEndPoint EndPoint(string name, string text, List<string> errors)
    {
        if (IPEndPoint.TryParse(text, out var parsed) && parsed.Port > 0)
        {
            return parsed;
        }

        errors.Add($"{name} {text} is not an address and port such as 127.0.0.1:6443");
        return new IPEndPoint(IPAddress.Loopback, 0);
    }

    private static Ipv4Range Range(string name, string text, List<string> errors)
    {
        if (Ipv4Range.TryParse(text, out var range) && range.PrefixLength is >= 8 and <= 24)
        {
            return range;
        }

        errors.Add($"{name} {text} is not an IPv4 range of at least /24 such as 10.42.0.0/16");
        return Ipv4Range.Parse("10.42.0.0/16");
    }

    private static IPAddress? Address(string name, string? text, List<string> errors)
    {
        if (text is null || IPAddress.TryParse(text, out _))
        {
            return text is null ? null : IPAddress.Parse(text);
        }

        errors.Add($"{name} {text} is not an IP address");
        return IPAddress.Loopback;
    }

    private static (int First, int Last) Ports(string text, List<string> errors)
    {
        var parts = text.Split('-');
        if (parts.Length == 2 && ushort.TryParse(parts[0], CultureInfo.InvariantCulture, out var first) && ushort.TryParse(parts[1], CultureInfo.InvariantCulture, out var last) && first <= last && first > 0)
        {
            return (first, last);
        }

        errors.Add($"node-ports {text} is not a range of ports such as 30000-32767");
        return (30000, 32767);
    }

    private static TimeSpan Duration(string name, string? text, TimeSpan absent, List<string> errors)
    {
        if (text is null)
        {
            return absent;
        }

        if (text.Length > 1 && int.TryParse(text.AsSpan(0, text.Length - 1), NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number > 0)
        {
            switch (text[^1])
            {
                case 'm': return TimeSpan.FromMinutes(number);
                case 'h': return TimeSpan.FromHours(number);
                case 'd': return TimeSpan.FromDays(number);
                default: break;
            }
        }

        errors.Add($"{name} {text} is not a span such as 30m, 24h or 7d");
        return absent;
    }

    private static long Size(string name, string? text, long absent, List<string> errors)
    {
        if (text is null)
        {
            return absent;
        }

        // Kubernetes' quantities: Mi and Gi, or plain bytes; nothing below a mebibyte keeps a history worth its name.
        var (digits, unit) = text.EndsWith("Gi", StringComparison.Ordinal) ? (text[..^2], 1L << 30)
            : text.EndsWith("Mi", StringComparison.Ordinal) ? (text[..^2], 1L << 20) : (text, 1L);
        if (long.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number <= long.MaxValue / unit && number * unit >= 1 << 20)
        {
            return number * unit;
        }

        errors.Add($"{name} {text} is not a size of at least 1Mi such as 512Mi or 2Gi");
        return absent;
    }

    private static string[] List(string? text) => (text ?? "").Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
}
