using Gantry.Kube.Client;
using Gantry.Kube.Model.Apps.V1;

namespace Gantry.Kube.Controllers.Deployments;

/// <summary>What a Deployment reports: counts and the conditions Available, Progressing and ReplicaFailure.</summary>
public sealed partial class DeploymentController
{
    private async Task UpdateStatusAsync(Deployment deployment, List<ReplicaSet> sets, ReplicaSet? newest, CancellationToken cancellationToken)
    {
        var status = Count(deployment, sets, newest);
        status.Conditions = Conditions(deployment, status, sets, newest);
        if (Same(deployment.Status ?? new(), status))
        {
            RequeueForDeadline(deployment, status);
            return;
        }

        var update = deployment.DeepClone();
        update.Status = status;
        await _client.UpdateStatusAsync(update, cancellationToken).ConfigureAwait(false);
        RequeueForDeadline(deployment, status);
    }

    private static DeploymentStatus Count(Deployment deployment, List<ReplicaSet> sets, ReplicaSet? newest)
    {
        var total = sets.Sum(set => set.Status?.Replicas ?? 0);
        var available = sets.Sum(set => set.Status?.AvailableReplicas ?? 0);
        var wanted = sets.Sum(set => set.Spec!.Replicas ?? 0);
        return new DeploymentStatus
        {
            ObservedGeneration = deployment.Metadata.Generation,
            Replicas = NullIfZero(total),
            UpdatedReplicas = NullIfZero(newest?.Status?.Replicas ?? 0),
            ReadyReplicas = NullIfZero(sets.Sum(set => set.Status?.ReadyReplicas ?? 0)),
            AvailableReplicas = NullIfZero(available),
            UnavailableReplicas = NullIfZero(Math.Max(0, Math.Max(wanted, total) - available)),
            CollisionCount = deployment.Status?.CollisionCount,
        };
    }

    private List<DeploymentCondition> Conditions(Deployment deployment, DeploymentStatus status, List<ReplicaSet> sets, ReplicaSet? newest)
    {
        var old = deployment.Status?.Conditions ?? [];
        var result = new List<DeploymentCondition>();
        var bounds = RollingUpdateBounds.Of(deployment);
        var enough = (status.AvailableReplicas ?? 0) >= (deployment.Spec!.Replicas ?? 1) - bounds.MaxUnavailable;
        var progressing = Progressing(deployment, status, sets, newest, old.Find(condition => condition.Type == "Progressing"));
        if (progressing is not null)
        {
            result.Add(Keep(old, progressing));
        }

        result.Add(Keep(old, enough
            ? Condition("Available", "True", "MinimumReplicasAvailable", "Deployment has minimum availability.")
            : Condition("Available", "False", "MinimumReplicasUnavailable", "Deployment does not have minimum availability.")));
        var failure = sets.SelectMany(set => set.Status?.Conditions ?? []).FirstOrDefault(condition => condition.Type == "ReplicaFailure");
        if (failure is not null)
        {
            result.Add(Keep(old, Condition("ReplicaFailure", failure.Status, failure.Reason ?? "", failure.Message ?? "")));
        }

        return result;
    }

    private DeploymentCondition? Progressing(Deployment deployment, DeploymentStatus status, List<ReplicaSet> sets, ReplicaSet? newest, DeploymentCondition? old)
    {
        if (deployment.Spec!.Paused == true)
        {
            return Condition("Progressing", "Unknown", "DeploymentPaused", "Deployment is paused");
        }

        var subject = newest is null ? $"Deployment \"{deployment.Metadata.Name}\"" : $"ReplicaSet \"{newest.Metadata.Name}\"";
        if (newest is not null && IsComplete(deployment, sets, newest))
        {
            return Condition("Progressing", "True", "NewReplicaSetAvailable", $"{subject} has successfully progressed.");
        }

        var before = deployment.Status ?? new();
        var moved = (status.UpdatedReplicas ?? 0) > (before.UpdatedReplicas ?? 0)
            || (status.Replicas ?? 0) - (status.UpdatedReplicas ?? 0) < (before.Replicas ?? 0) - (before.UpdatedReplicas ?? 0)
            || (status.ReadyReplicas ?? 0) > (before.ReadyReplicas ?? 0)
            || (status.AvailableReplicas ?? 0) > (before.AvailableReplicas ?? 0)
            || before.ObservedGeneration != status.ObservedGeneration;
        if (moved || old is null || old.Reason == "DeploymentPaused")
        {
            var condition = Condition("Progressing", "True", old is null ? "NewReplicaSetCreated" : "ReplicaSetUpdated", old is null && newest is not null ? $"Created new replica set \"{newest.Metadata.Name}\"" : $"{subject} is progressing.");
            condition.LastTransitionTime = old?.Status == "True" ? old.LastTransitionTime : condition.LastTransitionTime;
            return condition;
        }

        return TimedOut(deployment, old)
            ? Condition("Progressing", "False", "ProgressDeadlineExceeded", $"{subject} has timed out progressing.")
            : old;
    }

    private bool TimedOut(Deployment deployment, DeploymentCondition progressing)
    {
        if (progressing.Reason == "ProgressDeadlineExceeded")
        {
            return true;
        }

        var deadline = deployment.Spec!.ProgressDeadlineSeconds ?? 600;
        // int32's maximum means no deadline (apps/v1 DeploymentSpec).
        return deadline != int.MaxValue && progressing.Reason != "NewReplicaSetAvailable" && progressing.LastUpdateTime + TimeSpan.FromSeconds(deadline) < _time.GetUtcNow();
    }

    private void RequeueForDeadline(Deployment deployment, DeploymentStatus status)
    {
        var progressing = status.Conditions?.Find(condition => condition.Type == "Progressing");
        var deadline = deployment.Spec!.ProgressDeadlineSeconds ?? 600;
        if (progressing is { Reason: not ("NewReplicaSetAvailable" or "ProgressDeadlineExceeded" or "DeploymentPaused"), LastUpdateTime: { } since } && deadline != int.MaxValue)
        {
            _loop.Queue.AddAfter(ObjectKey.Of(deployment), since + TimeSpan.FromSeconds(deadline + 1) - _time.GetUtcNow());
        }
    }

    private static bool IsComplete(Deployment deployment, List<ReplicaSet> sets, ReplicaSet? newest)
    {
        var replicas = deployment.Spec!.Replicas ?? 1;
        return newest is not null
            && (newest.Status?.Replicas ?? 0) == replicas
            && (newest.Status?.AvailableReplicas ?? 0) == replicas
            && sets.Sum(set => set.Status?.Replicas ?? 0) == replicas;
    }

    /// <summary>The condition with the transition time of the old one, or the old one itself when nothing changed.</summary>
    private static DeploymentCondition Keep(List<DeploymentCondition> old, DeploymentCondition next)
    {
        var present = old.Find(condition => condition.Type == next.Type);
        if (present is null)
        {
            return next;
        }

        if (present.Status == next.Status && present.Reason == next.Reason && present.Message == next.Message && next.Reason != "ReplicaSetUpdated")
        {
            return present;
        }

        next.LastTransitionTime = present.Status == next.Status ? present.LastTransitionTime : next.LastTransitionTime;
        return next;
    }

    private DeploymentCondition Condition(string type, string status, string reason, string message)
    {
        var now = _time.GetUtcNow();
        return new() { Type = type, Status = status, Reason = reason, Message = message, LastUpdateTime = now, LastTransitionTime = now };
    }

    private static int? NullIfZero(int count) => count == 0 ? null : count;

    private static bool Same(DeploymentStatus old, DeploymentStatus next) =>
        old.ObservedGeneration == next.ObservedGeneration
        && (old.Replicas ?? 0, old.UpdatedReplicas ?? 0, old.ReadyReplicas ?? 0, old.AvailableReplicas ?? 0, old.UnavailableReplicas ?? 0)
            == (next.Replicas ?? 0, next.UpdatedReplicas ?? 0, next.ReadyReplicas ?? 0, next.AvailableReplicas ?? 0, next.UnavailableReplicas ?? 0)
        && (old.Conditions ?? []).Count == next.Conditions!.Count
        && next.Conditions.TrueForAll(condition => old.Conditions!.Exists(present => (present.Type, present.Status, present.Reason, present.Message) == (condition.Type, condition.Status, condition.Reason, condition.Message)));
}
