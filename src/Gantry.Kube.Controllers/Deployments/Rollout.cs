using Gantry.Kube.Model.Apps.V1;

namespace Gantry.Kube.Controllers.Deployments;

/// <summary>One reconcile's view of a Deployment and its ReplicaSets, kept current while the reconcile changes them.</summary>
internal sealed class Rollout(Deployment deployment, List<ReplicaSet> sets, ReplicaSet? newest, RollingUpdateBounds bounds)
{
    public Deployment Deployment { get; set; } = deployment;

    public List<ReplicaSet> Sets { get; } = sets;

    public ReplicaSet? Newest { get; private set; } = newest;

    public RollingUpdateBounds Bounds { get; } = bounds;

    public int Replicas => Deployment.Spec!.Replicas ?? 1;

    public IEnumerable<ReplicaSet> Old => Sets.Where(set => !ReferenceEquals(set, Newest));

    public int TotalWanted => Sets.Sum(set => set.Spec!.Replicas ?? 0);

    /// <summary>Available pods that will stay: a status may still count pods that the spec has already given up.</summary>
    public int TotalAvailable => Sets.Sum(set => Math.Min(set.Status?.AvailableReplicas ?? 0, set.Spec!.Replicas ?? 0));

    /// <summary>How large the newest ReplicaSet may be now, from its present size.</summary>
    public int SizeForNewest(int present)
    {
        if (Deployment.Spec!.Strategy?.Type == "Recreate")
        {
            // It grows only once the old pods are gone (RecreateAsync).
            return present;
        }

        var room = Replicas + Bounds.MaxSurge - TotalWanted;
        return room <= 0 ? present : present + Math.Min(room, Replicas - present);
    }

    public void Add(ReplicaSet set)
    {
        Sets.Add(set);
        Newest = set;
    }

    public void Replace(ReplicaSet set)
    {
        var index = Sets.FindIndex(candidate => candidate.Metadata.Uid == set.Metadata.Uid);
        if (ReferenceEquals(Sets[index], Newest))
        {
            Newest = set;
        }

        Sets[index] = set;
    }
}
