using System.Text;
using System.Text.Json.Nodes;
using Gantry.Kube.Client;
using Gantry.Kube.Client.Reconciling;
using Gantry.Kube.Controllers.Kinds;
using Gantry.Kube.Model;
using Gantry.Kube.Model.Meta.V1;
using Microsoft.Extensions.Logging;

namespace Gantry.Kube.Controllers.GarbageCollection;

/// <summary>
/// Deletes objects whose owners are gone, and carries out the deletion policies that the API marks with finalizers:
/// foreground (dependents first) and orphan (dependents stay and lose the reference). See
/// https://kubernetes.io/docs/concepts/architecture/garbage-collection/.
/// </summary>
public sealed class GarbageCollector : IController, IDisposable
{
    private const string ForegroundFinalizer = "foregroundDeletion";
    private const string OrphanFinalizer = "orphan";

    private readonly KindTable _kinds;
    private readonly ReconcileLoop _loop;

    internal GarbageCollector(KindTable kinds, ILoggerFactory loggers, TimeProvider? time = null)
    {
        _kinds = kinds;
        _loop = new ReconcileLoop("GarbageCollector", ReconcileAsync, loggers.CreateLogger<GarbageCollector>(), time);
        foreach (var kind in _kinds.All)
        {
            kind.Subscribe((previous, next) => OnChange(kind, previous, next));
        }
    }

    /// <inheritdoc/>
    public Task RunAsync(CancellationToken cancellationToken) => _loop.RunAsync(2, cancellationToken);

    /// <inheritdoc/>
    public void Dispose() => _loop.Dispose();

    private void OnChange(IKindAccess kind, IKubeObject? previous, IKubeObject? next)
    {
        var obj = (next ?? previous)!;
        if (next is null)
        {
            EnqueueDependents(obj.Metadata.Uid!);
            EnqueueOwners(obj);
        }
        else if (next.Metadata.OwnerReferences is { Count: > 0 } || HasPolicy(next))
        {
            // Only the references and the finalizers matter here, not every status.
            if (previous is null || !SameOwners(previous, next) || HasPolicy(next))
            {
                _loop.Queue.Add(KeyOf(kind, next));
            }
        }
    }

    private void EnqueueDependents(string uid)
    {
        foreach (var kind in _kinds.All)
        {
            foreach (var dependent in kind.OwnedBy(uid))
            {
                _loop.Queue.Add(KeyOf(kind, dependent));
            }
        }
    }

    private void EnqueueOwners(IKubeObject obj)
    {
        foreach (var owner in obj.Metadata.OwnerReferences ?? [])
        {
            if (_kinds.Find(owner.ApiVersion, owner.Kind) is { } kind && kind.ByUid(owner.Uid) is { } present && HasPolicy(present))
            {
                _loop.Queue.Add(KeyOf(kind, present));
            }
        }
    }

    private async Task ReconcileAsync(string key, CancellationToken cancellationToken)
    {
        var separator = key.IndexOf('|', StringComparison.Ordinal);
        var kind = _kinds.All[int.Parse(key.AsSpan(0, separator), System.Globalization.CultureInfo.InvariantCulture)];
        var obj = kind.ByUid(key[(separator + 1)..]);
        if (obj is null)
        {
            return;
        }

        if (obj.Metadata.DeletionTimestamp is not null)
        {
            await FinishDeletionAsync(kind, obj, cancellationToken).ConfigureAwait(false);
        }
        else if (obj.Metadata.OwnerReferences is { Count: > 0 } owners)
        {
            await CollectAsync(kind, obj, owners, cancellationToken).ConfigureAwait(false);
        }
    }

    private async Task CollectAsync(IKindAccess kind, IKubeObject obj, List<OwnerReference> owners, CancellationToken cancellationToken)
    {
        var solid = new List<OwnerReference>();
        var waiting = new List<OwnerReference>();
        foreach (var owner in owners)
        {
            switch (await StateOfAsync(owner, obj.Metadata.Namespace, cancellationToken).ConfigureAwait(false))
            {
                case OwnerState.Present:
                    solid.Add(owner);
                    break;
                case OwnerState.WaitsForDependents:
                    waiting.Add(owner);
                    break;
            }
        }

        if (solid.Count == owners.Count)
        {
            return;
        }

        if (solid.Count > 0)
        {
            await KeepOwnersAsync(kind, obj, [.. solid, .. waiting.Where(owner => owner.BlockOwnerDeletion != true)], cancellationToken).ConfigureAwait(false);
            return;
        }

        var hasDependents = _kinds.All.Any(candidate => candidate.OwnedBy(obj.Metadata.Uid!).Any());
        var policy = waiting.Count > 0 && hasDependents ? "Foreground" : "Background";
        await kind.DeleteAsync(obj.Metadata.Namespace, obj.Metadata.Name!, new KubeDeleteOptions(PropagationPolicy: policy, PreconditionUid: obj.Metadata.Uid), cancellationToken).ConfigureAwait(false);
    }

    private async Task<OwnerState> StateOfAsync(OwnerReference owner, string? ns, CancellationToken cancellationToken)
    {
        // A kind that is not served cannot be judged; keeping the object is the safe answer.
        if (_kinds.Find(owner.ApiVersion, owner.Kind) is not { } kind)
        {
            return OwnerState.Present;
        }

        var present = kind.ByUid(owner.Uid);
        if (present is null)
        {
            var read = await kind.ReadAsync(kind.Resource.Namespaced ? ns : null, owner.Name, cancellationToken).ConfigureAwait(false);
            present = read?.Metadata.Uid == owner.Uid ? read : null;
        }

        if (present is null)
        {
            return OwnerState.Absent;
        }

        return present.Metadata.DeletionTimestamp is not null && Has(present, ForegroundFinalizer) ? OwnerState.WaitsForDependents : OwnerState.Present;
    }

    private async Task FinishDeletionAsync(IKindAccess kind, IKubeObject owner, CancellationToken cancellationToken)
    {
        var dependents = _kinds.All.SelectMany(candidate => candidate.OwnedBy(owner.Metadata.Uid!).Select(obj => (Kind: candidate, Object: obj))).ToList();
        if (Has(owner, OrphanFinalizer))
        {
            foreach (var (dependentKind, dependent) in dependents)
            {
                var kept = dependent.Metadata.OwnerReferences!.Where(reference => reference.Uid != owner.Metadata.Uid).ToList();
                await KeepOwnersAsync(dependentKind, dependent, kept, cancellationToken).ConfigureAwait(false);
            }

            await RemoveFinalizerAsync(kind, owner, OrphanFinalizer, cancellationToken).ConfigureAwait(false);
        }
        else if (Has(owner, ForegroundFinalizer))
        {
            var blocking = dependents.Where(item => item.Object.Metadata.OwnerReferences!.Exists(reference => reference.Uid == owner.Metadata.Uid && reference.BlockOwnerDeletion == true)).ToList();
            if (blocking.Count == 0)
            {
                await RemoveFinalizerAsync(kind, owner, ForegroundFinalizer, cancellationToken).ConfigureAwait(false);
            }

            foreach (var (dependentKind, dependent) in dependents.Where(item => item.Object.Metadata.DeletionTimestamp is null))
            {
                _loop.Queue.Add(KeyOf(dependentKind, dependent));
            }
        }
    }

    private static Task KeepOwnersAsync(IKindAccess kind, IKubeObject obj, List<OwnerReference> owners, CancellationToken cancellationToken)
    {
        var references = new JsonArray([.. owners.Select(owner => (JsonNode)new JsonObject
        {
            ["apiVersion"] = owner.ApiVersion,
            ["kind"] = owner.Kind,
            ["name"] = owner.Name,
            ["uid"] = owner.Uid,
            ["controller"] = owner.Controller,
            ["blockOwnerDeletion"] = owner.BlockOwnerDeletion,
        })]);
        return PatchMetadataAsync(kind, obj, "ownerReferences", owners.Count > 0 ? references : null, cancellationToken);
    }

    private static Task RemoveFinalizerAsync(IKindAccess kind, IKubeObject obj, string finalizer, CancellationToken cancellationToken)
    {
        var kept = obj.Metadata.Finalizers!.Where(name => name != finalizer).Select(name => (JsonNode)name!).ToArray();
        return PatchMetadataAsync(kind, obj, "finalizers", kept.Length > 0 ? new JsonArray(kept) : null, cancellationToken);
    }

    private static Task PatchMetadataAsync(IKindAccess kind, IKubeObject obj, string field, JsonNode? value, CancellationToken cancellationToken)
    {
        // The resourceVersion makes the patch conditional: a cache that lags gets a conflict and a second try.
        var patch = new JsonObject { ["metadata"] = new JsonObject { ["uid"] = obj.Metadata.Uid, ["resourceVersion"] = obj.Metadata.ResourceVersion, [field] = value } };
        return kind.MergePatchAsync(obj.Metadata.Namespace, obj.Metadata.Name!, Encoding.UTF8.GetBytes(patch.ToJsonString()), cancellationToken);
    }

    private string KeyOf(IKindAccess kind, IKubeObject obj)
    {
        var index = 0;
        while (!ReferenceEquals(_kinds.All[index], kind))
        {
            index++;
        }

        return $"{index}|{obj.Metadata.Uid}";
    }

    private static bool Has(IKubeObject obj, string finalizer) => obj.Metadata.Finalizers?.Contains(finalizer) == true;

    private static bool HasPolicy(IKubeObject obj) => obj.Metadata.DeletionTimestamp is not null && (Has(obj, ForegroundFinalizer) || Has(obj, OrphanFinalizer));

    private static bool SameOwners(IKubeObject left, IKubeObject right) =>
        (left.Metadata.OwnerReferences ?? []).Select(owner => owner.Uid).SequenceEqual((right.Metadata.OwnerReferences ?? []).Select(owner => owner.Uid), StringComparer.Ordinal);

    private enum OwnerState
    {
        Absent,
        WaitsForDependents,
        Present,
    }
}
