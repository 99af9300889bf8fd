using System.Globalization;
using Gantry.Kube.Api.Admission;
using Gantry.Kube.Api.Json;
using Gantry.Kube.Api.Resources;
using Gantry.Kube.Model;
using Gantry.Store;

namespace Gantry.Kube.Api.Requests;

/// <summary>metav1.DeleteOptions.</summary>
internal sealed record DeleteRequest(long? GracePeriodSeconds = null, string? PropagationPolicy = null, string? Uid = null, string? ResourceVersion = null, bool? OrphanDependents = null);

/// <summary>A deletion's outcome: whether the object is gone, and its last state.</summary>
internal readonly record struct DeleteResult(bool Gone, StoredObject Object);

/// <summary>Deletes objects: at once, or in steps when finalizers or a grace period hold them.</summary>
internal sealed class ObjectDeleter(IStore store, IReadOnlyList<IAdmission> admissions, Func<ResourceType, string?, string, CancellationToken, ValueTask> deleted, TimeProvider time)
{
    private const int MaxAttempts = 20;
    private const string Foreground = "foregroundDeletion";
    private const string OrphanFinalizer = "orphan";

    public async ValueTask<DeleteResult> DeleteAsync(ResourceType resource, string? ns, string name, DeleteRequest request, WriteOptions options, CancellationToken cancellationToken)
    {
        foreach (var admission in admissions)
        {
            await admission.DeleteAsync(resource, ns, name, options, cancellationToken).ConfigureAwait(false);
        }

        var stored = resource.StoredAs;
        var key = stored.Key(ns, name);
        for (var attempt = 0; attempt < MaxAttempts; attempt++)
        {
            var entry = await store.GetAsync(key, cancellationToken).ConfigureAwait(false) ?? throw StatusErrors.NotFound(resource, name);
            var present = new StoredObject(stored, entry.Value, entry.ModRevision);
            if (await TryDeleteAsync(present, key, name, request, options, cancellationToken).ConfigureAwait(false) is { } result)
            {
                if (result.Gone && !options.DryRun)
                {
                    await deleted(resource, ns, name, cancellationToken).ConfigureAwait(false);
                }

                return result;
            }
        }

        throw StatusErrors.Modified(resource, name);
    }

    private async ValueTask<DeleteResult?> TryDeleteAsync(StoredObject present, string key, string name, DeleteRequest request, WriteOptions options, CancellationToken cancellationToken)
    {
        var resource = present.Resource;
        var old = present.ToTree();
        CheckPreconditions(resource, old.MapOrNew("metadata"), name, request);
        var obj = JsonTree.Clone(old);
        var metadata = obj.MapOrNew("metadata");
        SetPropagation(metadata, request);
        var held = metadata.List("finalizers") is { Count: > 0 } || resource.Strategy.HasOwnFinalizers(obj);
        var grace = Math.Max(0, resource.Strategy.GracePeriod(obj, request.GracePeriodSeconds));
        var waits = Mark(resource, obj, metadata, held, grace);
        if (waits)
        {
            if (JsonTree.Same(obj, old))
            {
                return new DeleteResult(false, present);
            }

            var data = StoredObject.Encode(resource, obj);
            if (options.DryRun)
            {
                return new DeleteResult(false, new StoredObject(resource, data, present.Revision));
            }

            var marked = await store.CommitAsync([new StoreOperation(key, data, present.Revision)], cancellationToken).ConfigureAwait(false);
            return marked.Succeeded ? new DeleteResult(false, new StoredObject(resource, data, marked.Revision)) : null;
        }

        if (options.DryRun)
        {
            return new DeleteResult(true, present);
        }

        var allocation = new AllocationContext(store, key);
        await resource.Strategy.AllocateAsync(allocation, null, old).ConfigureAwait(false);
        var commit = await store.CommitAsync([new StoreOperation(key, null, present.Revision), .. allocation.Operations], cancellationToken).ConfigureAwait(false);
        return commit.Succeeded ? new DeleteResult(true, new StoredObject(resource, present.Data, commit.Revision)) : null;
    }

    /// <summary>Marks the object as being deleted; false when nothing has to be waited for.</summary>
    private bool Mark(ResourceType resource, JsonMap obj, JsonMap metadata, bool held, long grace)
    {
        var now = time.GetUtcNow();
        if (metadata.Text("deletionTimestamp") is null)
        {
            if (!held && grace == 0)
            {
                return false;
            }

            metadata["deletionTimestamp"] = KubeTime.Format(now.AddSeconds(grace));
            metadata["deletionGracePeriodSeconds"] = grace;
            if (metadata.Number("generation") is > 0 and var generation)
            {
                metadata["generation"] = generation + 1;
            }

            resource.Strategy.MarkDeleting(obj);
            return true;
        }

        // A later deletion can only shorten the period.
        if (grace < (metadata.Number("deletionGracePeriodSeconds") ?? 0))
        {
            metadata["deletionTimestamp"] = KubeTime.Format(now.AddSeconds(grace));
            metadata["deletionGracePeriodSeconds"] = grace;
        }

        return held || grace > 0;
    }

    private static void SetPropagation(JsonMap metadata, DeleteRequest request)
    {
        var policy = request.PropagationPolicy ?? (request.OrphanDependents is { } orphan ? (orphan ? "Orphan" : "Background") : null);
        if (policy is null)
        {
            return;
        }

        var finalizers = metadata.List("finalizers") ?? [];
        finalizers.RemoveAll(static f => f is Foreground or OrphanFinalizer);
        if (policy is "Foreground" or "Orphan")
        {
            finalizers.Add(policy == "Foreground" ? Foreground : OrphanFinalizer);
        }

        if (finalizers.Count > 0)
        {
            metadata["finalizers"] = finalizers;
        }
        else
        {
            metadata.Remove("finalizers");
        }
    }

    private static void CheckPreconditions(ResourceType resource, JsonMap metadata, string name, DeleteRequest request)
    {
        if (request.PropagationPolicy is not (null or "Orphan" or "Background" or "Foreground"))
        {
            var errors = new Validation.FieldErrors();
            errors.NotSupported("propagationPolicy", request.PropagationPolicy, ["Foreground", "Background", "Orphan"]);
            throw StatusErrors.Invalid("DeleteOptions", "meta.k8s.io", "", errors);
        }

        if (request.Uid is { Length: > 0 } uid && uid != metadata.Text("uid"))
        {
            throw StatusErrors.Conflict(resource, name, $"Precondition failed: UID in precondition: {uid}, UID in object meta: {metadata.Text("uid")}");
        }

        if (request.ResourceVersion is { Length: > 0 } version && version != metadata.Text("resourceVersion"))
        {
            throw StatusErrors.Conflict(resource, name, string.Create(CultureInfo.InvariantCulture, $"Precondition failed: ResourceVersion in precondition: {version}, ResourceVersion in object meta: {metadata.Text("resourceVersion")}"));
        }
    }
}
