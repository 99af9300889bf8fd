using Gantry.Kube.Client;
using Gantry.Kube.Model.Core.V1;
using Gantry.Kube.Scheduler.Framework;

namespace Gantry.Kube.Scheduler.Plugins;

/// <summary>A node's taints keep away pods that do not tolerate them; PreferNoSchedule only makes it less liked.</summary>
internal sealed class TaintToleration : IFilterPlugin, IScorePlugin
{
    public int Weight => 3;

    public IReadOnlyList<string>? Filter(Pod pod, NodeState node)
    {
        var taint = Tolerations.FirstUntolerated(pod, node.Node, "NoSchedule", "NoExecute");
        return taint is null ? null : [$"node(s) had untolerated taint {{{taint.Key}: {taint.Value}}}"];
    }

    public double Score(Pod pod, NodeState node) =>
        Tolerations.FirstUntolerated(pod, node.Node, "PreferNoSchedule") is null ? 100 : 0;
}
