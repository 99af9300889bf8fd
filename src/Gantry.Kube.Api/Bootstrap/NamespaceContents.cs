using Gantry.Kube.Api.Json;
using Gantry.Kube.Api.Requests;
using Gantry.Kube.Api.Resources;
using Gantry.Kube.Client;

namespace Gantry.Kube.Api.Bootstrap;

/// <summary>What every namespace has: the service account <c>default</c> and the authority's certificate.</summary>
internal sealed class NamespaceContents(ServerCore core)
{
    private const string CertificateMap = "kube-root-ca.crt";

    private readonly WriteOptions _options = new() { User = UserInfo.System("system:apiserver"), FieldManager = "gantryd" };

    public async ValueTask EnsureAsync(string ns, CancellationToken cancellationToken)
    {
        await MakeAsync("serviceaccounts", ns, "default", [], cancellationToken).ConfigureAwait(false);
        var data = new JsonMap { ["ca.crt"] = core.AuthorityPem };
        var maps = core.Registry.Core("configmaps");
        if (await core.Reader.TryGetAsync(maps, ns, CertificateMap, cancellationToken).ConfigureAwait(false) is not { } present)
        {
            await MakeAsync("configmaps", ns, CertificateMap, new JsonMap { ["data"] = data }, cancellationToken).ConfigureAwait(false);
        }
        else if (!JsonTree.Same(present.ToTree().GetValueOrDefault("data"), data))
        {
            await core.Writer.UpdateAsync(maps, ns, CertificateMap, null, old => Replace(old, data), _options, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Makes again what was deleted of this, as upstream's controllers do; a namespace that is going away keeps nothing.</summary>
    public async ValueTask RestoreAsync(ResourceType resource, string? ns, string name, CancellationToken cancellationToken)
    {
        if (ns is null || (resource.Qualified, name) is not (("serviceaccounts", "default") or ("configmaps", CertificateMap)))
        {
            return;
        }

        var present = await core.Reader.TryGetAsync(core.Registry.Core("namespaces"), null, ns, cancellationToken).ConfigureAwait(false);
        if (present is { } found && JsonProbe.ReadPath(found.Data.Span, "metadata.deletionTimestamp") is null)
        {
            await EnsureAsync(ns, cancellationToken).ConfigureAwait(false);
        }
    }

    private static JsonMap Replace(JsonMap old, JsonMap data)
    {
        old.MapOrNew("metadata").Remove("resourceVersion");
        old["data"] = JsonTree.Clone(data);
        return old;
    }

    private async ValueTask MakeAsync(string plural, string ns, string name, JsonMap obj, CancellationToken cancellationToken)
    {
        var resource = core.Registry.Core(plural);
        if (await core.Reader.TryGetAsync(resource, ns, name, cancellationToken).ConfigureAwait(false) is not null)
        {
            return;
        }

        obj["metadata"] = new JsonMap { ["name"] = name };
        try
        {
            await core.Writer.CreateAsync(resource, ns, obj, _options, cancellationToken).ConfigureAwait(false);
        }
        catch (KubeStatusException e) when (e.Reason is "AlreadyExists" or "NotFound" or "Forbidden")
        {
            // Somebody else made it, or the namespace is already going away.
        }
    }
}
