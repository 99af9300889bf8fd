using Gantry.Kube.Client;
using Gantry.Kube.Model.Apps.V1;

namespace Gantry.Kube.Controllers.Deployments;

/// <summary>How the ReplicaSets of one Deployment are scaled against each other.</summary>
public sealed partial class DeploymentController
{
    private async Task RollAsync(Rollout rollout, CancellationToken cancellationToken)
    {
        var present = rollout.Newest!.Spec!.Replicas ?? 0;
        var wanted = present > rollout.Replicas ? rollout.Replicas : rollout.SizeForNewest(present);
        if (wanted != present)
        {
            await ScaleAsync(rollout, rollout.Newest, wanted, cancellationToken).ConfigureAwait(false);
            return;
        }

        await ScaleDownOldAsync(rollout, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Takes from the old ReplicaSets what the bounds allow: first pods that are not available anyway, then the oldest.</summary>
    private async Task ScaleDownOldAsync(Rollout rollout, CancellationToken cancellationToken)
    {
        var newestUnavailable = (rollout.Newest!.Spec!.Replicas ?? 0) - (rollout.Newest.Status?.AvailableReplicas ?? 0);
        var minAvailable = rollout.Replicas - rollout.Bounds.MaxUnavailable;
        var removable = rollout.TotalWanted - minAvailable - newestUnavailable;
        if (removable <= 0)
        {
            return;
        }

        foreach (var set in rollout.Old.Where(HasReplicas).OrderBy(set => set.Metadata.CreationTimestamp).ToList())
        {
            var size = set.Spec!.Replicas ?? 0;
            var unhealthy = Math.Min(removable, size - (set.Status?.AvailableReplicas ?? 0));
            if (unhealthy > 0)
            {
                removable -= unhealthy;
                await ScaleAsync(rollout, set, size - unhealthy, cancellationToken).ConfigureAwait(false);
            }
        }

        var spare = Math.Min(rollout.TotalAvailable - minAvailable, removable);
        foreach (var set in rollout.Old.Where(HasReplicas).OrderBy(set => set.Metadata.CreationTimestamp).ToList())
        {
            var step = Math.Min(spare, set.Spec!.Replicas ?? 0);
            if (step <= 0)
            {
                break;
            }

            spare -= step;
            await ScaleAsync(rollout, set, set.Spec.Replicas!.Value - step, cancellationToken).ConfigureAwait(false);
        }
    }

    private async Task RecreateAsync(Rollout rollout, CancellationToken cancellationToken)
    {
        foreach (var set in rollout.Old.Where(HasReplicas).ToList())
        {
            await ScaleAsync(rollout, set, 0, cancellationToken).ConfigureAwait(false);
        }

        // Old pods count until they are gone, not only until they are asked to go.
        if (!rollout.Old.Any(set => _podsByOwner.Get(set.Metadata.Uid!).Any(pod => !pod.IsTerminal())))
        {
            await ScaleAsync(rollout, rollout.Newest!, rollout.Replicas, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Whether the Deployment was resized since its ReplicaSets were last sized.</summary>
    private static bool IsScaling(Rollout rollout) =>
        rollout.Sets.Any(set => HasReplicas(set) && Revision.Number(set, Revision.DesiredAnnotation) is { } desired && desired != rollout.Replicas);

    /// <summary>
    /// Resizes without rolling: one active ReplicaSet takes it all; several, in the middle of a rollout, share by their size.
    /// </summary>
    private async Task ScaleProportionallyAsync(Rollout rollout, CancellationToken cancellationToken)
    {
        var active = rollout.Sets.Where(HasReplicas).OrderByDescending(set => set.Spec!.Replicas).ThenByDescending(set => set.Metadata.CreationTimestamp).ToList();
        if (active.Count <= 1)
        {
            var only = active.FirstOrDefault() ?? rollout.Newest ?? rollout.Sets.MaxBy(Revision.Of);
            if (only is not null)
            {
                await ScaleAsync(rollout, only, rollout.Replicas, cancellationToken).ConfigureAwait(false);
            }

            return;
        }

        if (rollout.Newest is { } newest && (newest.Status?.AvailableReplicas ?? 0) == rollout.Replicas && newest.Spec!.Replicas == rollout.Replicas)
        {
            foreach (var set in rollout.Old.Where(HasReplicas).ToList())
            {
                await ScaleAsync(rollout, set, 0, cancellationToken).ConfigureAwait(false);
            }

            return;
        }

        if (rollout.Deployment.Spec!.Strategy?.Type == "Recreate")
        {
            return;
        }

        await ShareAsync(rollout, active, cancellationToken).ConfigureAwait(false);
    }

    private async Task ShareAsync(Rollout rollout, List<ReplicaSet> active, CancellationToken cancellationToken)
    {
        var total = active.Sum(set => set.Spec!.Replicas ?? 0);
        var allowed = rollout.Replicas > 0 ? rollout.Replicas + rollout.Bounds.MaxSurge : 0;
        var remaining = allowed - total;
        var sizes = active.ToDictionary(set => set.Metadata.Uid!, set => set.Spec!.Replicas ?? 0, StringComparer.Ordinal);
        foreach (var set in active)
        {
            var size = set.Spec!.Replicas ?? 0;
            var oldMax = Revision.Number(set, Revision.MaxAnnotation) ?? total;
            var fraction = (int)Math.Round(size * (double)allowed / Math.Max(1, oldMax), MidpointRounding.AwayFromZero) - size;
            var share = remaining > 0 ? Math.Clamp(fraction, 0, remaining) : Math.Clamp(fraction, remaining, 0);
            sizes[set.Metadata.Uid!] = Math.Max(0, size + share);
            remaining -= share;
        }

        // Rounding leaves a few: the largest takes them.
        sizes[active[0].Metadata.Uid!] = Math.Max(0, sizes[active[0].Metadata.Uid!] + remaining);
        foreach (var set in active)
        {
            await ScaleAsync(rollout, set, sizes[set.Metadata.Uid!], cancellationToken).ConfigureAwait(false);
        }
    }

    private async Task ScaleAsync(Rollout rollout, ReplicaSet set, int size, CancellationToken cancellationToken)
    {
        var present = set.Spec!.Replicas ?? 0;
        var update = set.DeepClone();
        update.Spec!.Replicas = size;
        var sizesChanged = Revision.SetSizes(update, rollout.Replicas, rollout.Replicas + rollout.Bounds.MaxSurge);
        if (present == size && !sizesChanged)
        {
            return;
        }

        rollout.Replace(await _client.UpdateAsync(update, cancellationToken).ConfigureAwait(false));
        if (present != size)
        {
            RecordScale(rollout.Deployment, set.Metadata.Name!, present, size);
        }
    }

    private static bool HasReplicas(ReplicaSet set) => (set.Spec!.Replicas ?? 0) > 0;
}
