using System.Globalization;
using Gantry.Kube.Api.Admission;
using Gantry.Kube.Api.FieldOwnership;
using Gantry.Kube.Api.Json;
using Gantry.Kube.Api.Resources;
using Gantry.Kube.Api.Validation;
using Gantry.Store;

namespace Gantry.Kube.Api.Requests;

/// <summary>
/// Creates and updates objects: defaults, admission, validation, field ownership, reservations, and the commit with
/// optimistic locking. Trees come in the requested version's form, decoded and normalized.
/// </summary>
internal sealed class ObjectWriter(IStore store, IReadOnlyList<IAdmission> admissions, FieldTracker tracker, TimeProvider time)
{
    /// <summary>How often a write without a resource version is tried again when others write the same object.</summary>
    private const int MaxAttempts = 20;

    public async ValueTask<StoredObject> CreateAsync(ResourceType resource, string? ns, JsonMap obj, WriteOptions options, CancellationToken cancellationToken)
    {
        var metadata = obj.MapOrNew("metadata");
        CheckNamespace(resource, metadata, ns);
        if (metadata.Text("resourceVersion") is { Length: > 0 })
        {
            throw StatusErrors.BadRequest("resourceVersion should not be set on objects to be created");
        }

        var generated = string.IsNullOrEmpty(metadata.Text("name")) && metadata.Text("generateName") is { Length: > 0 };
        for (var attempt = 0; ; attempt++)
        {
            var tree = attempt == 0 && !generated ? obj : JsonTree.Clone(obj);
            try
            {
                return await TryCreateAsync(resource, ns, tree, options, cancellationToken).ConfigureAwait(false);
            }
            catch (Client.KubeStatusException e) when (e.Reason == "AlreadyExists" && generated && attempt < 7)
            {
                // Another object has the generated name: take another one (upstream tries eight times).
            }
        }
    }

    /// <summary>
    /// Updates an object, or only its status. <paramref name="change"/> makes the new tree from a copy of the present one
    /// (which has its resource version); it runs again when somebody else wrote in between, unless the new tree names a
    /// resource version.
    /// </summary>
    public async ValueTask<StoredObject> UpdateAsync(ResourceType resource, string? ns, string name, string? subresource, Func<JsonMap, JsonMap> change, WriteOptions options, CancellationToken cancellationToken)
    {
        var stored = resource.StoredAs;
        var key = stored.Key(ns, name);
        for (var attempt = 0; attempt < MaxAttempts; attempt++)
        {
            var entry = await store.GetAsync(key, cancellationToken).ConfigureAwait(false) ?? throw StatusErrors.NotFound(resource, name);
            var present = new StoredObject(stored, entry.Value, entry.ModRevision);
            var old = present.ToTree();
            var obj = change(JsonTree.Clone(old));
            var conditional = CheckIdentity(resource, obj, old, ns, name);
            if (await TryUpdateAsync(present, obj, old, subresource, options, cancellationToken).ConfigureAwait(false) is { } updated)
            {
                return updated;
            }

            if (conditional)
            {
                throw StatusErrors.Modified(resource, name);
            }
        }

        throw StatusErrors.Modified(resource, name);
    }

    private async ValueTask<StoredObject> TryCreateAsync(ResourceType resource, string? ns, JsonMap obj, WriteOptions options, CancellationToken cancellationToken)
    {
        var stored = resource.StoredAs;
        var metadata = obj.MapOrNew("metadata");
        ObjectMetaRules.FillNew(resource, metadata, ns, time.GetUtcNow(), options.KeepsIdentity);
        stored.Strategy.PrepareForCreate(obj);
        ApplyDefaults(stored, obj);
        foreach (var admission in admissions)
        {
            await admission.CreateAsync(resource, ns, obj, options, cancellationToken).ConfigureAwait(false);
        }

        var name = metadata.Text("name") ?? "";
        Validate(stored, obj, null, null);
        tracker.TrackCreate(stored, obj, options);
        var key = stored.Key(ns, name);
        for (var attempt = 0; attempt < MaxAttempts; attempt++)
        {
            var allocation = new AllocationContext(store, key);
            var tree = attempt == 0 ? obj : JsonTree.Clone(obj);
            await stored.Strategy.AllocateAsync(allocation, tree, null).ConfigureAwait(false);
            var data = StoredObject.Encode(stored, tree);
            if (options.DryRun)
            {
                return await store.GetAsync(key, cancellationToken).ConfigureAwait(false) is null
                    ? new StoredObject(stored, data, 0)
                    : throw StatusErrors.AlreadyExists(resource, name);
            }

            var commit = await store.CommitAsync([new StoreOperation(key, data, 0), .. allocation.Operations], cancellationToken).ConfigureAwait(false);
            if (commit.Succeeded)
            {
                return new StoredObject(stored, data, commit.Revision);
            }

            if (commit.FailedOperation == 0)
            {
                throw StatusErrors.AlreadyExists(resource, name);
            }

            ThrowIfRequested(stored, name, allocation, allocation.Operations[commit.FailedOperation - 1].Key);
        }

        throw StatusErrors.Conflict(resource, name, "its addresses and ports could not be reserved");
    }

    private async ValueTask<StoredObject?> TryUpdateAsync(StoredObject present, JsonMap obj, JsonMap old, string? subresource, WriteOptions options, CancellationToken cancellationToken)
    {
        var resource = present.Resource;
        var metadata = obj.MapOrNew("metadata");
        var oldMetadata = old.MapOrNew("metadata");
        ObjectMetaRules.CarryOver(metadata, oldMetadata);
        PrepareUpdate(resource, obj, old, subresource);
        ApplyDefaults(resource, obj);
        foreach (var admission in admissions)
        {
            await admission.UpdateAsync(resource, obj, old, options, cancellationToken).ConfigureAwait(false);
        }

        Validate(resource, obj, old, subresource);
        if (resource.Strategy.CountsGenerations && SpecChanged(obj, old))
        {
            metadata["generation"] = (oldMetadata.Number("generation") ?? 0) + 1;
        }

        tracker.TrackUpdate(resource, obj, old, subresource, options);
        metadata["resourceVersion"] = present.Revision.ToString(CultureInfo.InvariantCulture);
        var name = metadata.Text("name")!;
        var key = resource.Key(metadata.Text("namespace"), name);
        if (IsFinished(resource, metadata, obj))
        {
            return await FinishDeletionAsync(present, key, obj, old, options, cancellationToken).ConfigureAwait(false);
        }

        if (JsonTree.Same(obj, old))
        {
            return present;
        }

        var allocation = new AllocationContext(store, key);
        await resource.Strategy.AllocateAsync(allocation, obj, old).ConfigureAwait(false);
        var data = StoredObject.Encode(resource, obj);
        if (options.DryRun)
        {
            return new StoredObject(resource, data, present.Revision);
        }

        var commit = await store.CommitAsync([new StoreOperation(key, data, present.Revision), .. allocation.Operations], cancellationToken).ConfigureAwait(false);
        if (commit.Succeeded)
        {
            return new StoredObject(resource, data, commit.Revision);
        }

        if (commit.FailedOperation > 0)
        {
            ThrowIfRequested(resource, name, allocation, allocation.Operations[commit.FailedOperation - 1].Key);
        }

        return null;
    }

    /// <summary>An object that is being deleted and that nothing holds any more is deleted by the update.</summary>
    private async ValueTask<StoredObject?> FinishDeletionAsync(StoredObject present, string key, JsonMap obj, JsonMap old, WriteOptions options, CancellationToken cancellationToken)
    {
        var data = StoredObject.Encode(present.Resource, obj);
        if (options.DryRun)
        {
            return new StoredObject(present.Resource, data, present.Revision);
        }

        var allocation = new AllocationContext(store, key);
        await present.Resource.Strategy.AllocateAsync(allocation, null, old).ConfigureAwait(false);
        var commit = await store.CommitAsync([new StoreOperation(key, null, present.Revision), .. allocation.Operations], cancellationToken).ConfigureAwait(false);
        return commit.Succeeded ? new StoredObject(present.Resource, data, commit.Revision) : null;
    }

    private static bool IsFinished(ResourceType resource, JsonMap metadata, JsonMap obj)
        => metadata.Text("deletionTimestamp") is not null
            && (metadata.Number("deletionGracePeriodSeconds") ?? 0) == 0
            && metadata.List("finalizers") is not { Count: > 0 }
            && !resource.Strategy.HasOwnFinalizers(obj);

    private static void PrepareUpdate(ResourceType resource, JsonMap obj, JsonMap old, string? subresource)
    {
        if (subresource == "status")
        {
            // Everything but the status (and what the metadata's own rules allow) stays.
            var metadata = obj["metadata"];
            var status = obj.GetValueOrDefault("status");
            obj.Clear();
            foreach (var (key, value) in old)
            {
                obj[key] = JsonTree.Clone(value);
            }

            obj["metadata"] = metadata;
            if (status is null)
            {
                obj.Remove("status");
            }
            else
            {
                obj["status"] = status;
            }

            resource.Strategy.PrepareForStatusUpdate(obj, old);
            return;
        }

        if (subresource is not null)
        {
            // The server's own change of a part (binding, finalize, scale is a plain update).
            return;
        }

        if (resource.Strategy.StatusIsSeparate && resource.HasSubresource("status"))
        {
            if (old.TryGetValue("status", out var status))
            {
                obj["status"] = JsonTree.Clone(status);
            }
            else
            {
                obj.Remove("status");
            }
        }

        resource.Strategy.PrepareForUpdate(obj, old);
    }

    private static void ApplyDefaults(ResourceType resource, JsonMap obj)
    {
        ObjectDefaulter.Apply(obj, resource.Schema);
        resource.Strategy.ApplyDefaults(obj);
    }

    private static void Validate(ResourceType resource, JsonMap obj, JsonMap? old, string? subresource)
    {
        var errors = new FieldErrors();
        var metadata = obj.MapOrNew("metadata");
        ObjectMetaRules.Validate(resource, metadata, errors);
        if (old is not null)
        {
            ObjectMetaRules.ValidateUpdate(metadata, old.MapOrNew("metadata"), errors);
        }

        if (subresource == "status")
        {
            resource.Strategy.ValidateStatusUpdate(obj, old!, errors);
        }
        else if (subresource is null)
        {
            DeclaredRules.Validate(obj, resource.Schema, errors);
            resource.Strategy.Validate(obj, errors);
            if (old is not null)
            {
                resource.Strategy.ValidateUpdate(obj, old, errors);
            }
        }

        if (errors.Any)
        {
            throw StatusErrors.Invalid(resource, metadata.Text("name") ?? metadata.Text("generateName") ?? "", errors);
        }
    }

    private static bool SpecChanged(JsonMap obj, JsonMap old)
    {
        foreach (var key in obj.Keys.Union(old.Keys))
        {
            if (key is not ("metadata" or "status" or "apiVersion" or "kind") && !JsonTree.Same(obj.GetValueOrDefault(key), old.GetValueOrDefault(key)))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Checks that an update means the object of the URL; says whether it names a resource version.</summary>
    private static bool CheckIdentity(ResourceType resource, JsonMap obj, JsonMap old, string? ns, string name)
    {
        var metadata = obj.MapOrNew("metadata");
        CheckNamespace(resource, metadata, ns);
        var given = metadata.Text("name") ?? "";
        if (given.Length == 0)
        {
            metadata["name"] = name;
        }
        else if (given != name)
        {
            throw StatusErrors.BadRequest($"the name of the object ({given}) does not match the name on the URL ({name})");
        }

        var present = old.MapOrNew("metadata");
        if (metadata.Text("uid") is { Length: > 0 } uid && uid != present.Text("uid"))
        {
            throw StatusErrors.Conflict(resource, name, $"Precondition failed: UID in precondition: {uid}, UID in object meta: {present.Text("uid")}");
        }

        var version = metadata.Text("resourceVersion") ?? "";
        if (version is "" or "0")
        {
            return resource.Strategy.AllowsUnconditionalUpdate
                ? false
                : throw StatusErrors.Invalid(resource, name, Required("metadata.resourceVersion", "must be specified for an update"));
        }

        return version == present.Text("resourceVersion") ? true : throw StatusErrors.Modified(resource, name);
    }

    private static FieldErrors Required(string field, string detail)
    {
        var errors = new FieldErrors();
        errors.Invalid(field, 0, detail);
        return errors;
    }

    private static void CheckNamespace(ResourceType resource, JsonMap metadata, string? ns)
    {
        var given = metadata.Text("namespace") ?? "";
        if (resource.Namespaced && given.Length > 0 && given != ns)
        {
            throw StatusErrors.BadRequest("the namespace of the provided object does not match the namespace sent on the request");
        }
    }

    private static void ThrowIfRequested(ResourceType resource, string name, AllocationContext allocation, string key)
    {
        if (allocation.Requested.TryGetValue(key, out var report))
        {
            var errors = new FieldErrors();
            report(errors);
            throw StatusErrors.Invalid(resource, name, errors);
        }
    }
}
