using Gantry.Kube.Model.Core.V1;

namespace Gantry.Kube.Client;

/// <summary>What controllers, scheduler and network ask of a pod's status.</summary>
public static class PodStates
{
    /// <summary>Whether the pod has ended: phase Succeeded or Failed.</summary>
    public static bool IsTerminal(this Pod pod) => pod.Status?.Phase is "Succeeded" or "Failed";

    /// <summary>Whether the pod counts as a replica: not ended, not being deleted.</summary>
    public static bool IsActive(this Pod pod) => !pod.IsTerminal() && pod.Metadata.DeletionTimestamp is null;

    /// <summary>Whether the condition Ready is True.</summary>
    public static bool IsReady(this Pod pod) => pod.Condition("Ready")?.Status == "True";

    /// <summary>Whether the pod has been ready for at least <paramref name="minReadySeconds"/>.</summary>
    public static bool IsAvailable(this Pod pod, int minReadySeconds, DateTimeOffset now) =>
        pod.IsReady() && (minReadySeconds == 0 || pod.Condition("Ready")!.LastTransitionTime + TimeSpan.FromSeconds(minReadySeconds) <= now);

    /// <summary>The condition of a type, or null.</summary>
    public static PodCondition? Condition(this Pod pod, string type) => pod.Status?.Conditions?.Find(condition => condition.Type == type);
}
