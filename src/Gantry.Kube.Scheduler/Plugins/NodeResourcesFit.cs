using Gantry.Kube.Model.Core.V1;
using Gantry.Kube.Scheduler.Framework;

namespace Gantry.Kube.Scheduler.Plugins;

/// <summary>The pod's requests must fit into what the node has left; emptier nodes are preferred (LeastAllocated).</summary>
internal sealed class NodeResourcesFit : IFilterPlugin, IScorePlugin
{
    public int Weight => 1;

    public IReadOnlyList<string>? Filter(Pod pod, NodeState node)
    {
        List<string>? reasons = null;
        var allocatable = PodRequests.From(node.Node.Status?.Allocatable);
        if (node.PodCount + 1 > allocatable["pods"])
        {
            (reasons ??= []).Add("Too many pods");
        }

        foreach (var (resource, amount) in PodRequests.Of(pod).Amounts)
        {
            if (amount > 0 && amount > allocatable[resource] - node.Requested[resource])
            {
                (reasons ??= []).Add($"Insufficient {resource}");
            }
        }

        return reasons;
    }

    public double Score(Pod pod, NodeState node)
    {
        var allocatable = PodRequests.From(node.Node.Status?.Allocatable);
        var requests = PodRequests.Of(pod);
        double Free(string resource)
        {
            var total = allocatable[resource];
            var used = node.Requested[resource] + requests[resource];
            return total == 0 || used > total ? 0 : (total - used) * 100.0 / total;
        }

        return (Free("cpu") + Free("memory")) / 2;
    }
}
