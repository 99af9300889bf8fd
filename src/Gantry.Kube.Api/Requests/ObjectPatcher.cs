using Gantry.Kube.Api.FieldOwnership;
using Gantry.Kube.Api.Json;
using Gantry.Kube.Api.Patches;
using Gantry.Kube.Api.Resources;
using Gantry.Kube.Client;

namespace Gantry.Kube.Api.Requests;

/// <summary>Applies patches of the four formats through the writer.</summary>
internal sealed class ObjectPatcher(ObjectWriter writer, ApplyMerger merger)
{
    /// <summary>Patches; <paramref name="created"/> tells of an apply that made the object.</summary>
    public async ValueTask<(StoredObject Object, bool Created)> PatchAsync(ResourceType resource, string? ns, string name, string? subresource, KubePatchType type, object? patch, WriteOptions options, CancellationToken cancellationToken)
    {
        if (type == KubePatchType.Apply)
        {
            return await ApplyAsync(resource, ns, name, subresource, patch, options, cancellationToken).ConfigureAwait(false);
        }

        var obj = await writer.UpdateAsync(resource, ns, name, subresource, old => Change(resource, old, type, patch, options), options, cancellationToken).ConfigureAwait(false);
        return (obj, false);
    }

    private static JsonMap Change(ResourceType resource, JsonMap old, KubePatchType type, object? patch, WriteOptions options)
    {
        var tree = resource.StoredAs == resource ? old : EventConversion.FromCore(old);
        tree = type switch
        {
            KubePatchType.Json => JsonPatch.Apply(tree, patch),
            KubePatchType.Merge => MergePatch.Apply(tree, Map(patch)),
            _ => StrategicMergePatch.Apply(tree, JsonTree.Clone(Map(patch)), resource.Schema),
        };
        Normalize(resource, tree, options);
        return resource.StoredAs == resource ? tree : EventConversion.ToCore(tree);
    }

    private async ValueTask<(StoredObject Object, bool Created)> ApplyAsync(ResourceType resource, string? ns, string name, string? subresource, object? patch, WriteOptions options, CancellationToken cancellationToken)
    {
        var applied = Map(patch);
        CheckApplied(resource, applied, name);
        Normalize(resource, applied, options);
        applied.MapOrNew("metadata")["name"] = name;
        for (var attempt = 0; ; attempt++)
        {
            try
            {
                var updated = await writer.UpdateAsync(resource, ns, name, subresource, old => merger.Merge(resource, old, applied, subresource, options), options, cancellationToken).ConfigureAwait(false);
                return (updated, false);
            }
            catch (KubeStatusException e) when (e.Reason == "NotFound" && subresource is null && attempt < 3 && applied.MapOrNew("metadata").Text("uid") is null)
            {
                try
                {
                    var made = await writer.CreateAsync(resource, ns, merger.Create(resource, applied, options), options, cancellationToken).ConfigureAwait(false);
                    return (made, true);
                }
                catch (KubeStatusException taken) when (taken.Reason == "AlreadyExists")
                {
                    // Somebody made it in between: apply to what is there now.
                }
            }
        }
    }

    private static void CheckApplied(ResourceType resource, JsonMap applied, string name)
    {
        if (applied.Text("apiVersion") is not { } version || applied.Text("kind") is not { } kind)
        {
            throw StatusErrors.BadRequest("Object 'Kind' is missing in the applied configuration");
        }

        if (version != resource.ApiVersion || kind != resource.Kind)
        {
            throw StatusErrors.BadRequest($"invalid object type: {version}, Kind={kind}");
        }

        var metadata = applied.MapOrNew("metadata");
        if (metadata.List("managedFields") is { Count: > 0 })
        {
            throw StatusErrors.BadRequest("metadata.managedFields must be nil");
        }

        if (metadata.Text("name") is { Length: > 0 } given && given != name)
        {
            throw StatusErrors.BadRequest($"the name of the object ({given}) does not match the name on the URL ({name})");
        }
    }

    private static void Normalize(ResourceType resource, JsonMap tree, WriteOptions options)
    {
        var unknown = new List<string>();
        ObjectNormalizer.Normalize(tree, resource.Schema, unknown);
        if (unknown.Count == 0 || options.FieldValidation == "Ignore")
        {
            return;
        }

        if (options.FieldValidation == "Strict")
        {
            throw StatusErrors.BadRequest($"{resource.Kind} in version \"{resource.Version}\" cannot be handled as a {resource.Kind}: strict decoding error: {string.Join(", ", unknown)}");
        }

        options.Warnings.AddRange(unknown);
    }

    private static JsonMap Map(object? patch)
        => patch as JsonMap ?? throw StatusErrors.BadRequest("error decoding patch: the patch has to be an object");
}
