using Gantry.Faults;
using Gantry.Kube.Client;
using Gantry.Kube.Client.Events;
using Gantry.Kube.Client.Informers;
using Gantry.Kube.Client.Reconciling;
using Gantry.Kube.Client.Selectors;
using Gantry.Kube.Model.Apps.V1;
using Gantry.Kube.Model.Core.V1;
using Microsoft.Extensions.Logging;

namespace Gantry.Kube.Controllers.Deployments;

/// <summary>
/// Brings a Deployment's ReplicaSets to its template: one ReplicaSet a template, numbered as revisions, scaled against each
/// other within the strategy's bounds (rolling update) or one after the other (recreate).
/// </summary>
public sealed partial class DeploymentController : IController, IDisposable
{
    private const string Component = "deployment-controller";

    private readonly IKubeClient _client;
    private readonly EventRecorder _events;
    private readonly TimeProvider _time;
    private readonly Informer<Deployment> _deployments;
    private readonly InformerIndex<ReplicaSet> _setsByOwner;
    private readonly InformerIndex<ReplicaSet> _orphansByNamespace;
    private readonly InformerIndex<Pod> _podsByOwner;
    private readonly ReconcileLoop _loop;

    /// <summary>Makes the controller.</summary>
    public DeploymentController(InformerSet informers, EventRecorder events, ILoggerFactory loggers, TimeProvider? time = null)
    {
        _client = informers.Client;
        _events = events;
        _time = time ?? TimeProvider.System;
        _loop = new ReconcileLoop("Deployment", ReconcileAsync, loggers.CreateLogger<DeploymentController>(), _time);
        _deployments = informers.For<Deployment>();
        var sets = informers.For<ReplicaSet>();
        _setsByOwner = sets.Index(set => OwnerRefs.ControllerOf(set) is { } owner ? [owner.Uid] : []);
        _orphansByNamespace = sets.Index(set => OwnerRefs.ControllerOf(set) is null ? [set.Metadata.Namespace!] : []);
        var pods = informers.For<Pod>();
        _podsByOwner = pods.Index(pod => OwnerRefs.ControllerOf(pod) is { } owner ? [owner.Uid] : []);
        _deployments.Subscribe((previous, next) => _loop.Queue.Add(ObjectKey.Of((next ?? previous)!)));
        sets.Subscribe(OnSet);
        pods.Subscribe((previous, next) => OnPodGone(previous, next, sets));
    }

    /// <inheritdoc/>
    public Task RunAsync(CancellationToken cancellationToken) => _loop.RunAsync(2, cancellationToken);

    /// <inheritdoc/>
    public void Dispose() => _loop.Dispose();

    private void OnSet(ReplicaSet? previous, ReplicaSet? next)
    {
        var set = (next ?? previous)!;
        if (OwnerRefs.ControllerOf(set) is { Kind: "Deployment" } owner)
        {
            _loop.Queue.Add(ObjectKey.Of(set.Metadata.Namespace, owner.Name));
        }
        else if (next is not null)
        {
            foreach (var deployment in _deployments.List().Where(candidate => candidate.Metadata.Namespace == set.Metadata.Namespace && LabelMatch.Matches(candidate.Spec!.Selector, set.Metadata.Labels)))
            {
                _loop.Queue.Add(ObjectKey.Of(deployment));
            }
        }
    }

    private void OnPodGone(Pod? previous, Pod? next, Informer<ReplicaSet> sets)
    {
        // Recreate waits for the last old pod; no ReplicaSet changes at that moment.
        if (next is null && OwnerRefs.ControllerOf(previous!) is { Kind: "ReplicaSet" } owner
            && sets.Get(previous!.Metadata.Namespace, owner.Name) is { } set
            && OwnerRefs.ControllerOf(set) is { Kind: "Deployment" } parent)
        {
            _loop.Queue.Add(ObjectKey.Of(set.Metadata.Namespace, parent.Name));
        }
    }

    private async Task ReconcileAsync(string key, CancellationToken cancellationToken)
    {
        var deployment = _deployments.Get(key);
        if (deployment is null)
        {
            return;
        }

        var sets = await ClaimAsync(deployment, cancellationToken).ConfigureAwait(false);
        if (deployment.Metadata.DeletionTimestamp is not null)
        {
            await UpdateStatusAsync(deployment, sets, null, cancellationToken).ConfigureAwait(false);
            return;
        }

        var canonical = TemplateHash.Canonical(deployment.Spec!.Template);
        var newest = sets.Where(set => TemplateHash.Canonical(set.Spec!.Template!) == canonical)
            .OrderBy(set => set.Metadata.CreationTimestamp).ThenBy(set => set.Metadata.Name, StringComparer.Ordinal).FirstOrDefault();
        var rollout = new Rollout(deployment, sets, newest, RollingUpdateBounds.Of(deployment));
        if (deployment.Spec.Paused == true || IsScaling(rollout))
        {
            await ScaleProportionallyAsync(rollout, cancellationToken).ConfigureAwait(false);
        }
        else if (await EnsureNewestAsync(rollout, canonical, cancellationToken).ConfigureAwait(false))
        {
            await (deployment.Spec.Strategy?.Type == "Recreate" ? RecreateAsync(rollout, cancellationToken) : RollAsync(rollout, cancellationToken)).ConfigureAwait(false);
        }

        await CleanUpAsync(rollout, cancellationToken).ConfigureAwait(false);
        await UpdateStatusAsync(deployment, rollout.Sets, rollout.Newest, cancellationToken).ConfigureAwait(false);
    }

    private async Task<List<ReplicaSet>> ClaimAsync(Deployment deployment, CancellationToken cancellationToken)
    {
        var sets = _setsByOwner.Get(deployment.Metadata.Uid!).ToList();
        if (deployment.Metadata.DeletionTimestamp is null)
        {
            foreach (var orphan in _orphansByNamespace.Get(deployment.Metadata.Namespace!).Where(set => set.Metadata.DeletionTimestamp is null && LabelMatch.Matches(deployment.Spec!.Selector, set.Metadata.Labels)))
            {
                var adopted = orphan.DeepClone();
                (adopted.Metadata.OwnerReferences ??= []).Add(OwnerRefs.ToController(deployment));
                sets.Add(await _client.UpdateAsync(adopted, cancellationToken).ConfigureAwait(false));
            }
        }

        return sets;
    }

    /// <summary>Makes sure that the template has a ReplicaSet with the highest revision; false after a hash collision.</summary>
    private async Task<bool> EnsureNewestAsync(Rollout rollout, string canonical, CancellationToken cancellationToken)
    {
        var deployment = rollout.Deployment;
        var revision = rollout.Sets.Where(set => !ReferenceEquals(set, rollout.Newest)).Select(Revision.Of).DefaultIfEmpty(0).Max() + 1;
        if (rollout.Newest is null)
        {
            var created = await CreateNewestAsync(rollout, canonical, revision, cancellationToken).ConfigureAwait(false);
            if (created is null)
            {
                return false;
            }

            rollout.Add(created);
        }
        else
        {
            revision = Math.Max(revision, Revision.Of(rollout.Newest));
            var update = rollout.Newest.DeepClone();
            var changed = Revision.Annotate(update, deployment, revision, rollout.Replicas + rollout.Bounds.MaxSurge);
            if (changed || (update.Spec!.MinReadySeconds ?? 0) != (deployment.Spec!.MinReadySeconds ?? 0))
            {
                update.Spec!.MinReadySeconds = deployment.Spec!.MinReadySeconds;
                rollout.Replace(await _client.UpdateAsync(update, cancellationToken).ConfigureAwait(false));
            }
        }

        await NoteRevisionAsync(rollout, Revision.Text(revision), cancellationToken).ConfigureAwait(false);
        return true;
    }

    private async Task<ReplicaSet?> CreateNewestAsync(Rollout rollout, string canonical, long revision, CancellationToken cancellationToken)
    {
        var deployment = rollout.Deployment;
        var hash = TemplateHash.Compute(canonical, deployment.Status?.CollisionCount ?? 0);
        var template = deployment.Spec!.Template.DeepClone();
        ((template.Metadata ??= new()).Labels ??= new(StringComparer.Ordinal))[TemplateHash.Label] = hash;
        var selector = deployment.Spec.Selector.DeepClone();
        (selector.MatchLabels ??= new(StringComparer.Ordinal))[TemplateHash.Label] = hash;
        var set = new ReplicaSet
        {
            Metadata = new()
            {
                Name = $"{deployment.Metadata.Name}-{hash}",
                Namespace = deployment.Metadata.Namespace,
                Labels = new(template.Metadata.Labels!, StringComparer.Ordinal),
                OwnerReferences = [OwnerRefs.ToController(deployment)],
            },
            Spec = new() { Replicas = rollout.SizeForNewest(0), MinReadySeconds = deployment.Spec.MinReadySeconds, Selector = selector, Template = template },
        };
        Revision.Annotate(set, deployment, revision, rollout.Replicas + rollout.Bounds.MaxSurge);
        try
        {
            var created = await _client.CreateAsync(set, cancellationToken).ConfigureAwait(false);
            RecordScale(deployment, created.Metadata.Name!, 0, created.Spec!.Replicas ?? 0);
            return created;
        }
        catch (FaultException fault) when (fault.Kind == FaultKind.AlreadyExists)
        {
            await CountCollisionAsync(deployment, set, canonical, cancellationToken).ConfigureAwait(false);
            return null;
        }
    }

    /// <summary>The name is taken: by ourselves a moment ago (the cache lags), or by another template with the same hash.</summary>
    private async Task CountCollisionAsync(Deployment deployment, ReplicaSet wanted, string canonical, CancellationToken cancellationToken)
    {
        var present = await _client.GetAsync<ReplicaSet>(wanted.Metadata.Namespace, wanted.Metadata.Name!, cancellationToken).ConfigureAwait(false);
        if (OwnerRefs.ControllerOf(present)?.Uid == deployment.Metadata.Uid && TemplateHash.Canonical(present.Spec!.Template!) == canonical)
        {
            _loop.Queue.AddRateLimited(ObjectKey.Of(deployment));
            return;
        }

        var update = deployment.DeepClone();
        (update.Status ??= new()).CollisionCount = (deployment.Status?.CollisionCount ?? 0) + 1;
        await _client.UpdateStatusAsync(update, cancellationToken).ConfigureAwait(false);
    }

    private async Task NoteRevisionAsync(Rollout rollout, string revision, CancellationToken cancellationToken)
    {
        if (rollout.Deployment.Metadata.Annotations?.GetValueOrDefault(Revision.Annotation) == revision)
        {
            return;
        }

        var update = rollout.Deployment.DeepClone();
        (update.Metadata.Annotations ??= new(StringComparer.Ordinal))[Revision.Annotation] = revision;
        rollout.Deployment = await _client.UpdateAsync(update, cancellationToken).ConfigureAwait(false);
    }

    private async Task CleanUpAsync(Rollout rollout, CancellationToken cancellationToken)
    {
        if (!IsComplete(rollout.Deployment, rollout.Sets, rollout.Newest))
        {
            return;
        }

        var surplus = rollout.Old
            .Where(set => set.Metadata.DeletionTimestamp is null && (set.Spec!.Replicas ?? 0) == 0 && (set.Status?.Replicas ?? 0) == 0 && (set.Metadata.Generation ?? 0) <= (set.Status?.ObservedGeneration ?? 0))
            .OrderBy(Revision.Of)
            .SkipLast(rollout.Deployment.Spec!.RevisionHistoryLimit ?? 10);
        foreach (var set in surplus)
        {
            await _client.DeleteAsync<ReplicaSet>(set.Metadata.Namespace, set.Metadata.Name!, null, cancellationToken).ConfigureAwait(false);
        }
    }

    private void RecordScale(Deployment deployment, string set, int from, int to) =>
        _events.Record(deployment, Component, "Normal", "ScalingReplicaSet", $"Scaled {(to >= from ? "up" : "down")} replica set {set} from {from} to {to}");
}
