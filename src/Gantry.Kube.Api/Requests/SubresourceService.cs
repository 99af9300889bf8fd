using System.Globalization;
using Gantry.Kube.Api.Http;
using Gantry.Kube.Api.Json;
using Gantry.Kube.Api.Resources;
using Gantry.Kube.Model;
using Gantry.Kube.Model.Selectors;

namespace Gantry.Kube.Api.Requests;

/// <summary>The subresources that are calls or views rather than parts: binding, eviction, token, scale, finalize.</summary>
internal sealed class SubresourceService(ServerCore core)
{
    /// <summary>Issues tokens for service accounts; set by the server that has a signing key.</summary>
    public Func<StoredObject, JsonMap, CancellationToken, ValueTask<JsonMap>>? TokenIssuer { get; set; }

    /// <summary>POST to a subresource. The body is a tree as it came; the result is the response's object.</summary>
    public async ValueTask<JsonMap> CreateAsync(ResourceType resource, string? ns, string name, string subresource, JsonMap body, WriteOptions options, CancellationToken cancellationToken)
    {
        switch (resource.Plural, subresource)
        {
            case ("pods", "binding"): return await BindAsync(resource, ns!, name, body, options, cancellationToken).ConfigureAwait(false);
            case ("pods", "eviction"): return await EvictAsync(resource, ns!, name, body, options, cancellationToken).ConfigureAwait(false);
            case ("namespaces", "finalize"): return (await FinalizeAsync(resource, name, body, options, cancellationToken).ConfigureAwait(false)).ToTree();
            case ("serviceaccounts", "token") when TokenIssuer is { } issuer:
                var account = await core.Reader.GetAsync(resource, ns, name, cancellationToken).ConfigureAwait(false);
                return await issuer(account, body, cancellationToken).ConfigureAwait(false);
            default: throw StatusErrors.UnknownPath();
        }
    }

    /// <summary>Assigns a pod to a node: once only.</summary>
    public async ValueTask<JsonMap> BindAsync(ResourceType pods, string ns, string name, JsonMap binding, WriteOptions options, CancellationToken cancellationToken)
    {
        ObjectNormalizer.Normalize(binding, core.Registry.Catalog.Get("core/v1.Binding"));
        var target = binding.Map("target");
        if (target?.Text("name") is not { Length: > 0 } node || target.Text("kind") is not (null or "" or "Node"))
        {
            var errors = new Validation.FieldErrors();
            errors.Required("target.name");
            throw StatusErrors.Invalid("Binding", "", name, errors);
        }

        var uid = binding.Map("metadata")?.Text("uid");
        await core.Writer.UpdateAsync(
            pods,
            ns,
            name,
            "binding",
            pod =>
            {
                Assign(pods, pod, name, node, uid);
                return pod;
            },
            options,
            cancellationToken).ConfigureAwait(false);
        var success = StatusWriter.Success(null, "", "", null);
        success.Remove("details");
        success["code"] = 201L;
        return success;
    }

    public async ValueTask<JsonMap> EvictAsync(ResourceType pods, string ns, string name, JsonMap eviction, WriteOptions options, CancellationToken cancellationToken)
    {
        ObjectNormalizer.Normalize(eviction, core.Registry.Catalog.Get("policy/v1.Eviction"));
        var delete = eviction.Map("deleteOptions") ?? [];
        var request = new DeleteRequest(delete.Number("gracePeriodSeconds"), delete.Text("propagationPolicy"), delete.Map("preconditions")?.Text("uid"), delete.Map("preconditions")?.Text("resourceVersion"));
        await core.Deleter.DeleteAsync(pods, ns, name, request, options, cancellationToken).ConfigureAwait(false);
        var success = StatusWriter.Success(null, "", "", null);
        success.Remove("details");
        success["code"] = 201L;
        return success;
    }

    /// <summary>An object's replica counts as autoscaling/v1 Scale.</summary>
    public static JsonMap ScaleOf(StoredObject stored)
    {
        var tree = stored.ToTree();
        var metadata = tree.MapOrNew("metadata");
        var kept = new JsonMap();
        foreach (var key in (string[])["name", "namespace", "uid", "resourceVersion", "creationTimestamp"])
        {
            if (metadata.TryGetValue(key, out var value))
            {
                kept[key] = value;
            }
        }

        var status = new JsonMap { ["replicas"] = tree.Map("status")?.Number("replicas") ?? 0 };
        if (tree.Map("spec")?.Map("selector") is { } selector)
        {
            status["selector"] = LabelMatcher.From(Strategies.TypedTree.Read<Model.Meta.V1.LabelSelector>(selector)).ToString();
        }

        return new JsonMap
        {
            ["kind"] = "Scale",
            ["apiVersion"] = "autoscaling/v1",
            ["metadata"] = kept,
            ["spec"] = new JsonMap { ["replicas"] = tree.Map("spec")?.Number("replicas") ?? 0 },
            ["status"] = status,
        };
    }

    /// <summary>Writes a scale, made from the present one, back into the object.</summary>
    public async ValueTask<JsonMap> UpdateScaleAsync(ResourceType resource, string? ns, string name, Func<JsonMap, JsonMap> change, WriteOptions options, CancellationToken cancellationToken)
    {
        var updated = await core.Writer.UpdateAsync(
            resource,
            ns,
            name,
            null,
            obj =>
            {
                var version = obj.MapOrNew("metadata").Text("resourceVersion")!;
                var present = ScaleOf(new StoredObject(resource, StoredObject.Encode(resource, obj), long.Parse(version, CultureInfo.InvariantCulture)));
                var scale = change(present);
                ObjectNormalizer.Normalize(scale, core.Registry.Catalog.Get("autoscaling/v1.Scale"));
                var wanted = scale.Map("metadata")?.Text("resourceVersion");
                obj.MapOrNew("metadata").Remove("resourceVersion");
                if (!string.IsNullOrEmpty(wanted) && wanted != version)
                {
                    throw StatusErrors.Modified(resource, name);
                }

                var replicas = scale.Map("spec")?.Number("replicas") ?? 0;
                if (replicas < 0)
                {
                    var errors = new Validation.FieldErrors();
                    errors.Invalid("spec.replicas", replicas, "must be greater than or equal to 0");
                    throw StatusErrors.Invalid("Scale", "autoscaling", name, errors);
                }

                obj.MapOrNew("spec")["replicas"] = replicas;
                return obj;
            },
            options,
            cancellationToken).ConfigureAwait(false);
        return ScaleOf(updated);
    }

    /// <summary>Replaces a namespace's spec.finalizers; without any, a namespace that is being deleted goes away.</summary>
    public ValueTask<StoredObject> FinalizeAsync(ResourceType namespaces, string name, JsonMap body, WriteOptions options, CancellationToken cancellationToken)
        => core.Writer.UpdateAsync(
            namespaces,
            null,
            name,
            "finalize",
            present =>
            {
                var version = body.Map("metadata")?.Text("resourceVersion");
                if (!string.IsNullOrEmpty(version))
                {
                    present.MapOrNew("metadata")["resourceVersion"] = version;
                }
                else
                {
                    present.MapOrNew("metadata").Remove("resourceVersion");
                }

                var finalizers = body.Map("spec")?.List("finalizers");
                if (finalizers is { Count: > 0 })
                {
                    present.MapOrNew("spec")["finalizers"] = finalizers;
                }
                else
                {
                    present.MapOrNew("spec").Remove("finalizers");
                }

                return present;
            },
            options,
            cancellationToken);

    private void Assign(ResourceType pods, JsonMap pod, string name, string node, string? uid)
    {
        var metadata = pod.MapOrNew("metadata");
        if (!string.IsNullOrEmpty(uid) && uid != metadata.Text("uid"))
        {
            throw StatusErrors.Conflict(pods, name, $"Precondition failed: UID in precondition: {uid}, UID in object meta: {metadata.Text("uid")}");
        }

        if (metadata.Text("deletionTimestamp") is not null)
        {
            throw StatusErrors.Conflict(pods, name, $"pod {name} is being deleted, cannot be assigned to a host");
        }

        var spec = pod.MapOrNew("spec");
        if (spec.Text("nodeName") is { Length: > 0 } present)
        {
            throw StatusErrors.Conflict(pods, name, $"pod {name} is already assigned to node \"{present}\"");
        }

        metadata.Remove("resourceVersion");
        spec["nodeName"] = node;
        var status = pod.MapOrNew("status");
        var conditions = status.List("conditions") ?? [];
        conditions.RemoveAll(static c => c is JsonMap map && map.Text("type") == "PodScheduled");
        conditions.Add(new JsonMap { ["type"] = "PodScheduled", ["status"] = "True", ["lastTransitionTime"] = KubeTime.Format(core.Time.GetUtcNow()) });
        status["conditions"] = conditions;
    }
}
