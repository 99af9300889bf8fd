using Gantry.Kube.Client;
using Gantry.Kube.Model.Core.V1;
using Gantry.Kube.Scheduler.Framework;

namespace Gantry.Kube.Scheduler.Plugins;

/// <summary>Prefers nodes with fewer pods of the same controller, so that replicas do not fail together.</summary>
internal sealed class ReplicaSpread : IScorePlugin
{
    public int Weight => 2;

    public double Score(Pod pod, NodeState node)
    {
        if (OwnerRefs.ControllerOf(pod) is not { } owner)
        {
            return 100;
        }

        var siblings = node.Pods.Count(other => OwnerRefs.ControllerOf(other)?.Uid == owner.Uid);
        return 100.0 / (1 + siblings);
    }
}
