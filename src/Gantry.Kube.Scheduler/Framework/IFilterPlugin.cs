using Gantry.Kube.Model.Core.V1;

namespace Gantry.Kube.Scheduler.Framework;

/// <summary>Says which nodes cannot take a pod, and why, in the words that go into the pod's event.</summary>
internal interface IFilterPlugin
{
    /// <summary>Null when the node can take the pod; otherwise the reasons, each counted over all nodes.</summary>
    IReadOnlyList<string>? Filter(Pod pod, NodeState node);
}
