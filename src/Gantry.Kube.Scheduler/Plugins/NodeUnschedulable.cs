using Gantry.Kube.Client;
using Gantry.Kube.Model.Core.V1;
using Gantry.Kube.Scheduler.Framework;

namespace Gantry.Kube.Scheduler.Plugins;

/// <summary>A cordoned node takes only pods that tolerate the unschedulable taint.</summary>
internal sealed class NodeUnschedulable : IFilterPlugin
{
    private static readonly Taint s_taint = new() { Key = "node.kubernetes.io/unschedulable", Effect = "NoSchedule" };

    public IReadOnlyList<string>? Filter(Pod pod, NodeState node) =>
        node.Node.Spec?.Unschedulable == true && pod.Spec!.Tolerations?.Exists(toleration => Tolerations.Tolerates(toleration, s_taint)) != true
            ? ["node(s) were unschedulable"]
            : null;
}
