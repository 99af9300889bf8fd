using Gantry.Kube.Model.Core.V1;

namespace Gantry.Kube.Scheduler.Framework;

/// <summary>Rates how well a node suits a pod.</summary>
internal interface IScorePlugin
{
    /// <summary>0 to 100, before the weight.</summary>
    double Score(Pod pod, NodeState node);

    /// <summary>How much this plugin counts against the others (kube-scheduler's default weights).</summary>
    int Weight { get; }
}
