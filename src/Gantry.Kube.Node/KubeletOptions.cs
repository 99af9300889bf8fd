namespace Gantry.Kube.Node;

/// <summary>How one node's kubelet is set up.</summary>
public sealed record KubeletOptions
{
    /// <summary>The Node object's name; by default the machine's host name in lower case.</summary>
    public required string NodeName { get; init; }

    /// <summary>The node's own address, as pods and users reach it.</summary>
    public required string NodeAddress { get; init; }

    /// <summary>Durable directory of pods' volumes, for example /var/lib/gantry/kubelet.</summary>
    public required string Directory { get; init; }

    /// <summary>The cgroup above all pods, for example /kubepods; one for each instance.</summary>
    public required string CgroupRoot { get; init; }

    /// <summary>Address of the cluster's DNS server.</summary>
    public required string ClusterDns { get; init; }

    /// <summary>The cluster's domain.</summary>
    public string ClusterDomain { get; init; } = "cluster.local";

    /// <summary>The pods' address range on this node, as CIDR.</summary>
    public required string PodCidr { get; init; }

    /// <summary>How many pods the node takes (kubelet's --max-pods).</summary>
    public int MaxPods { get; init; } = 110;

    /// <summary>The port that the Node object names as the kubelet's.</summary>
    public int KubeletPort { get; init; } = 10250;

    /// <summary>Version of the program, for Node.status.nodeInfo.</summary>
    public required string Version { get; init; }
}
