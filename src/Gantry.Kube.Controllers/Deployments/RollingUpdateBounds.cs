using Gantry.Kube.Model;
using Gantry.Kube.Model.Apps.V1;

namespace Gantry.Kube.Controllers.Deployments;

/// <summary>How many pods a rolling update may add above, and miss below, the wanted number.</summary>
internal readonly record struct RollingUpdateBounds(int MaxSurge, int MaxUnavailable)
{
    /// <summary>Resolves percentages: surge rounds up, unavailable rounds down, and both zero becomes one unavailable.</summary>
    public static RollingUpdateBounds Of(Deployment deployment)
    {
        var replicas = deployment.Spec!.Replicas ?? 1;
        if (deployment.Spec.Strategy?.Type == "Recreate")
        {
            return new RollingUpdateBounds(0, replicas);
        }

        var rolling = deployment.Spec.Strategy?.RollingUpdate;
        IntOrString quarter = "25%";
        var surge = (rolling?.MaxSurge ?? quarter).Scale(replicas, roundUp: true) ?? 0;
        var unavailable = (rolling?.MaxUnavailable ?? quarter).Scale(replicas, roundUp: false) ?? 0;
        if (surge == 0 && unavailable == 0)
        {
            unavailable = 1;
        }

        return new RollingUpdateBounds(surge, Math.Min(unavailable, replicas));
    }
}
