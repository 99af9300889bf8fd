using Gantry.Network.Addresses;

namespace Gantry.Network;

/// <summary>Where and with what names one instance's networks live. Two instances differ in <c>InstanceId</c> and directories.</summary>
public sealed record NetworkOptions
{
    /// <summary>One to six lower-case letters and digits: part of every interface and table name of this instance.</summary>
    public required string InstanceId { get; init; }

    /// <summary>Directory for namespace pins; on a tmpfs, since pins do not survive a reboot.</summary>
    public required string RunDirectory { get; init; }

    /// <summary>The range from which networks without an asked-for subnet get a /24.</summary>
    public Ipv4Range ContainerRange { get; init; } = Ipv4Range.Parse("172.30.0.0/16");

    /// <summary>This node's pods; null for an engine without pods.</summary>
    public Ipv4Range? PodRange { get; init; }

    /// <summary>All pods of the cluster: never masqueraded among themselves, unreachable unless a node has them.</summary>
    public Ipv4Range? PodClusterRange { get; init; }

    /// <summary>Name of the default network's bridge; null derives it from the instance.</summary>
    public string? DefaultBridge { get; init; }

    /// <summary>The host's resolver configuration.</summary>
    public string HostResolvConf { get; init; } = "/etc/resolv.conf";

    /// <summary>MTU of bridges and veths. 1500 is Docker's default.</summary>
    public int Mtu { get; init; } = 1500;

    internal string TableName => $"gantry-{InstanceId}-engine";

    internal string PodBridge => $"gp{InstanceId}";

    internal string BridgeName(string networkId) => $"gb{InstanceId}-{networkId[..6]}";

    internal string VethName(string suffix) => $"gv{InstanceId}-{suffix}";

    internal string PinDirectory => Path.Combine(RunDirectory, "ns");

    /// <summary>A route metric of its own for each instance, so that one instance's route can be told from another's.</summary>
    internal uint RouteMetric => InstanceId.Aggregate(2166136261u, (hash, letter) => (hash ^ letter) * 16777619u) >> 8 | 0x40000000u;
}
