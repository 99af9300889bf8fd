using Gantry.Faults;
using Gantry.Kube.Client;
using Gantry.Kube.Client.Events;
using Gantry.Kube.Client.Informers;
using Gantry.Kube.Client.Reconciling;
using Gantry.Kube.Client.Selectors;
using Gantry.Kube.Model.Apps.V1;
using Gantry.Kube.Model.Core.V1;
using Microsoft.Extensions.Logging;

namespace Gantry.Kube.Controllers.ReplicaSets;

/// <summary>Keeps as many pods of a ReplicaSet's template as its spec says, and reports them in its status.</summary>
public sealed class ReplicaSetController : IController, IDisposable
{
    // Upstream's BurstReplicas: the most pods that one pass creates or deletes.
    private const int MaxBurst = 500;
    private const string Component = "replicaset-controller";

    private readonly IKubeClient _client;
    private readonly EventRecorder _events;
    private readonly TimeProvider _time;
    private readonly Informer<ReplicaSet> _sets;
    private readonly Informer<Pod> _pods;
    private readonly InformerIndex<Pod> _podsByOwner;
    private readonly InformerIndex<Pod> _orphansByNamespace;
    private readonly PodExpectations _expectations;
    private readonly ReconcileLoop _loop;

    /// <summary>Makes the controller.</summary>
    public ReplicaSetController(InformerSet informers, EventRecorder events, ILoggerFactory loggers, TimeProvider? time = null)
    {
        _client = informers.Client;
        _events = events;
        _time = time ?? TimeProvider.System;
        _expectations = new PodExpectations(_time);
        _loop = new ReconcileLoop("ReplicaSet", ReconcileAsync, loggers.CreateLogger<ReplicaSetController>(), _time);
        _sets = informers.For<ReplicaSet>();
        _pods = informers.For<Pod>();
        _podsByOwner = _pods.Index(pod => OwnerRefs.ControllerOf(pod) is { } owner ? [owner.Uid] : []);
        _orphansByNamespace = _pods.Index(pod => OwnerRefs.ControllerOf(pod) is null ? [pod.Metadata.Namespace!] : []);
        _sets.Subscribe((previous, next) => _loop.Queue.Add(ObjectKey.Of((next ?? previous)!)));
        _pods.Subscribe(OnPod);
    }

    /// <inheritdoc/>
    public Task RunAsync(CancellationToken cancellationToken) => _loop.RunAsync(4, cancellationToken);

    /// <inheritdoc/>
    public void Dispose() => _loop.Dispose();

    private void OnPod(Pod? previous, Pod? next)
    {
        var pod = (next ?? previous)!;
        var owner = OwnerRefs.ControllerOf(pod);
        if (owner is { Kind: "ReplicaSet" })
        {
            var key = ObjectKey.Of(pod.Metadata.Namespace, owner.Name);
            if (previous is null || next is null || next.Metadata.DeletionTimestamp is not null)
            {
                _expectations.Observe(key, pod.Metadata.Uid!);
            }

            _loop.Queue.Add(key);
        }
        else if (owner is null && next is not null)
        {
            foreach (var set in _sets.List().Where(set => set.Metadata.Namespace == pod.Metadata.Namespace && LabelMatch.Matches(set.Spec!.Selector, pod.Metadata.Labels)))
            {
                _loop.Queue.Add(ObjectKey.Of(set));
            }
        }
    }

    private async Task ReconcileAsync(string key, CancellationToken cancellationToken)
    {
        var set = _sets.Get(key);
        if (set is null)
        {
            _expectations.Forget(key);
            return;
        }

        var pods = await ClaimAsync(set, cancellationToken).ConfigureAwait(false);
        FaultException? failure = null;
        if (set.Metadata.DeletionTimestamp is null && _expectations.Satisfied(key))
        {
            try
            {
                await ManageAsync(key, set, pods, cancellationToken).ConfigureAwait(false);
            }
            catch (FaultException fault)
            {
                failure = fault;
            }
        }

        await UpdateStatusAsync(set, pods, failure, cancellationToken).ConfigureAwait(false);
        if (failure is not null)
        {
            throw failure;
        }

        var minReady = set.Spec!.MinReadySeconds ?? 0;
        if (minReady > 0 && pods.Any(pod => pod.IsReady() && !pod.IsAvailable(minReady, _time.GetUtcNow())))
        {
            _loop.Queue.AddAfter(key, TimeSpan.FromSeconds(minReady));
        }
    }

    /// <summary>The set's active pods: those it controls, after adopting matching orphans and releasing what no longer matches.</summary>
    private async Task<List<Pod>> ClaimAsync(ReplicaSet set, CancellationToken cancellationToken)
    {
        var claimed = new List<Pod>();
        foreach (var pod in _podsByOwner.Get(set.Metadata.Uid!).Where(PodStates.IsActive))
        {
            if (LabelMatch.Matches(set.Spec!.Selector, pod.Metadata.Labels))
            {
                claimed.Add(pod);
            }
            else if (set.Metadata.DeletionTimestamp is null)
            {
                var released = pod.DeepClone();
                released.Metadata.OwnerReferences!.RemoveAll(owner => owner.Uid == set.Metadata.Uid);
                await _client.UpdateAsync(released, cancellationToken).ConfigureAwait(false);
            }
        }

        if (set.Metadata.DeletionTimestamp is null)
        {
            var orphans = _orphansByNamespace.Get(set.Metadata.Namespace!);
            foreach (var pod in orphans.Where(pod => pod.IsActive() && LabelMatch.Matches(set.Spec!.Selector, pod.Metadata.Labels)))
            {
                var adopted = pod.DeepClone();
                (adopted.Metadata.OwnerReferences ??= []).Add(OwnerRefs.ToController(set));
                claimed.Add(await _client.UpdateAsync(adopted, cancellationToken).ConfigureAwait(false));
            }
        }

        return claimed;
    }

    private async Task ManageAsync(string key, ReplicaSet set, List<Pod> pods, CancellationToken cancellationToken)
    {
        var missing = (set.Spec!.Replicas ?? 1) - pods.Count;
        if (missing > 0)
        {
            await CreateAsync(key, set, Math.Min(missing, MaxBurst), cancellationToken).ConfigureAwait(false);
        }
        else if (missing < 0)
        {
            var order = new PodDeletionOrder(pods);
            foreach (var pod in pods.Order(order).Take(Math.Min(-missing, MaxBurst)))
            {
                await DeleteAsync(key, set, pod, cancellationToken).ConfigureAwait(false);
            }
        }
    }

    private async Task CreateAsync(string key, ReplicaSet set, int count, CancellationToken cancellationToken)
    {
        // Slow start: 1, 2, 4, ... at once, so that a template that cannot be created fails once and not 500 times.
        for (var batch = 1; count > 0; count -= batch, batch = Math.Min(batch * 2, count))
        {
            batch = Math.Min(batch, count);
            await Task.WhenAll(Enumerable.Range(0, batch).Select(_ => CreateOneAsync(key, set, cancellationToken))).ConfigureAwait(false);
        }
    }

    private async Task CreateOneAsync(string key, ReplicaSet set, CancellationToken cancellationToken)
    {
        var template = set.Spec!.Template?.DeepClone() ?? new PodTemplateSpec();
        var pod = new Pod
        {
            Metadata = new()
            {
                GenerateName = $"{set.Metadata.Name}-",
                Namespace = set.Metadata.Namespace,
                Labels = template.Metadata?.Labels,
                Annotations = template.Metadata?.Annotations,
                Finalizers = template.Metadata?.Finalizers,
                OwnerReferences = [OwnerRefs.ToController(set)],
            },
            Spec = template.Spec,
        };
        try
        {
            var created = await _client.CreateAsync(pod, cancellationToken).ConfigureAwait(false);
            if (_pods.Get(ObjectKey.Of(created)) is null)
            {
                _expectations.Expect(key, created.Metadata.Uid!);
                // The watch may have delivered it between the look and the note.
                if (_pods.Get(ObjectKey.Of(created)) is not null)
                {
                    _expectations.Observe(key, created.Metadata.Uid!);
                }
            }

            _events.Record(set, Component, "Normal", "SuccessfulCreate", $"Created pod: {created.Metadata.Name}");
        }
        catch (FaultException fault)
        {
            _events.Record(set, Component, "Warning", "FailedCreate", $"Error creating: {fault.Message}");
            throw;
        }
    }

    private async Task DeleteAsync(string key, ReplicaSet set, Pod pod, CancellationToken cancellationToken)
    {
        _expectations.Expect(key, pod.Metadata.Uid!);
        try
        {
            await _client.DeleteAsync<Pod>(pod.Metadata.Namespace, pod.Metadata.Name!, new KubeDeleteOptions(PreconditionUid: pod.Metadata.Uid), cancellationToken).ConfigureAwait(false);
            _events.Record(set, Component, "Normal", "SuccessfulDelete", $"Deleted pod: {pod.Metadata.Name}");
        }
        catch (FaultException fault)
        {
            _expectations.Observe(key, pod.Metadata.Uid!);
            if (fault.Kind is not (FaultKind.NotFound or FaultKind.Conflict))
            {
                _events.Record(set, Component, "Warning", "FailedDelete", $"Error deleting: {fault.Message}");
                throw;
            }
        }
    }

    private async Task UpdateStatusAsync(ReplicaSet set, List<Pod> pods, FaultException? failure, CancellationToken cancellationToken)
    {
        var now = _time.GetUtcNow();
        var minReady = set.Spec!.MinReadySeconds ?? 0;
        var templateLabels = set.Spec.Template?.Metadata?.Labels;
        var old = set.Status ?? new ReplicaSetStatus();
        var conditions = (old.Conditions ?? []).Where(condition => condition.Type != "ReplicaFailure").ToList();
        if (failure is not null)
        {
            conditions.Add(old.Conditions?.Find(condition => condition.Type == "ReplicaFailure") ?? new()
            {
                Type = "ReplicaFailure",
                Status = "True",
                Reason = pods.Count < (set.Spec.Replicas ?? 1) ? "FailedCreate" : "FailedDelete",
                Message = failure.Message,
                LastTransitionTime = now,
            });
        }

        var status = new ReplicaSetStatus
        {
            Replicas = pods.Count,
            FullyLabeledReplicas = NullIfZero(pods.Count(pod => LabelMatch.Contains(pod.Metadata.Labels, templateLabels))),
            ReadyReplicas = NullIfZero(pods.Count(PodStates.IsReady)),
            AvailableReplicas = NullIfZero(pods.Count(pod => pod.IsAvailable(minReady, now))),
            ObservedGeneration = set.Metadata.Generation,
            Conditions = conditions.Count > 0 ? conditions : null,
        };
        if (Same(old, status))
        {
            return;
        }

        var update = set.DeepClone();
        update.Status = status;
        await _client.UpdateStatusAsync(update, cancellationToken).ConfigureAwait(false);
    }

    private static int? NullIfZero(int count) => count == 0 ? null : count;

    private static bool Same(ReplicaSetStatus old, ReplicaSetStatus status) =>
        (old.Replicas, old.FullyLabeledReplicas ?? 0, old.ReadyReplicas ?? 0, old.AvailableReplicas ?? 0, old.ObservedGeneration, old.Conditions?.Count ?? 0)
        == (status.Replicas, status.FullyLabeledReplicas ?? 0, status.ReadyReplicas ?? 0, status.AvailableReplicas ?? 0, status.ObservedGeneration, status.Conditions?.Count ?? 0);
}
