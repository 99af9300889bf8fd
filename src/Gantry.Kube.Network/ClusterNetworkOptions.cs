using Gantry.Network.Addresses;

namespace Gantry.Kube.Network;

/// <summary>How one node carries the cluster's Services.</summary>
public sealed record ClusterNetworkOptions
{
    /// <summary>Part of the nftables table's name: <c>gantry-ID-services</c>.</summary>
    public required string InstanceId { get; init; }

    /// <summary>This node's name; endpoints of it are local.</summary>
    public required string NodeName { get; init; }

    /// <summary>The Services' addresses.</summary>
    public required Ipv4Range ServiceRange { get; init; }

    /// <summary>All pods of the cluster.</summary>
    public required Ipv4Range PodClusterRange { get; init; }

    /// <summary>The bridge of this node's pods and its address.</summary>
    public required string PodBridge { get; init; }

    /// <summary>The pods' gateway on this node.</summary>
    public required string PodGateway { get; init; }

    /// <summary>The DNS Service's address.</summary>
    public required string DnsAddress { get; init; }

    /// <summary>The cluster's domain.</summary>
    public string ClusterDomain { get; init; } = "cluster.local";

    /// <summary>The host's resolver configuration, for names outside the cluster.</summary>
    public string HostResolvConf { get; init; } = "/etc/resolv.conf";

    internal string TableName => $"gantry-{InstanceId}-services";

    /// <summary>A route metric of its own for each instance, so that one instance's route can be told from another's.</summary>
    internal uint RouteMetric => (InstanceId.Aggregate(2166136261u, (hash, letter) => (hash ^ letter) * 16777619u) >> 8) | 0x40000000u;
}
