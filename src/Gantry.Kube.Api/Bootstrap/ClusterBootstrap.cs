using Gantry.Kube.Api.Json;
using Gantry.Kube.Api.Requests;
using Gantry.Kube.Api.Resources;
using Gantry.Kube.Client;

namespace Gantry.Kube.Api.Bootstrap;

/// <summary>Makes the objects that every cluster starts with. Objects that exist are left as they are, but for the default roles, which gain what they lack.</summary>
internal sealed class ClusterBootstrap(ServerCore core, int securePort)
{
    private static readonly string[] Namespaces = ["default", "kube-system", "kube-public", "kube-node-lease"];

    private readonly WriteOptions _options = new() { User = UserInfo.System("system:apiserver"), FieldManager = "gantryd" };

    /// <summary>What does not depend on one another is made at once: the store puts it into few commits.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        const string RbacGroup = "rbac.authorization.k8s.io";
        await Task.WhenAll(Namespaces.Select(ns => NamespaceAsync(ns, cancellationToken))).ConfigureAwait(false);
        var rest = new List<Task> { EnsureAsync("", "services", "default", "kubernetes", Service(), cancellationToken) };
        rest.AddRange(DefaultRoles.ClusterRoles().Select(r => EnsureAsync(RbacGroup, "clusterroles", null, r.Name, r.Role, cancellationToken)));
        rest.AddRange(DefaultRoles.ClusterRoleBindings().Select(b => EnsureAsync(RbacGroup, "clusterrolebindings", null, b.Name, b.Binding, cancellationToken)));
        await Task.WhenAll(rest).ConfigureAwait(false);
    }

    private async Task NamespaceAsync(string ns, CancellationToken cancellationToken)
    {
        await EnsureAsync("", "namespaces", null, ns, [], cancellationToken).ConfigureAwait(false);
        await new NamespaceContents(core).EnsureAsync(ns, cancellationToken).ConfigureAwait(false);
    }

    private JsonMap Service() => new()
    {
        ["metadata"] = new JsonMap { ["labels"] = new JsonMap { ["component"] = "apiserver", ["provider"] = "kubernetes" } },
        ["spec"] = new JsonMap
        {
            ["type"] = "ClusterIP",
            ["clusterIP"] = core.Ranges.First.ToString(),
            ["ports"] = new List<object?> { new JsonMap { ["name"] = "https", ["port"] = 443L, ["protocol"] = "TCP", ["targetPort"] = (long)securePort } },
        },
    };

    private async Task EnsureAsync(string group, string plural, string? ns, string name, JsonMap obj, CancellationToken cancellationToken)
    {
        var resource = core.Registry.Get(group, "v1", plural);
        if (await core.Store.GetAsync(resource.Key(ns, name), cancellationToken).ConfigureAwait(false) is { } present)
        {
            await RefreshAsync(resource, ns, name, new StoredObject(resource, present.Value, present.ModRevision), obj, cancellationToken).ConfigureAwait(false);
            return;
        }

        obj.MapOrNew("metadata")["name"] = name;
        try
        {
            await core.Writer.CreateAsync(resource, ns, obj, _options, cancellationToken).ConfigureAwait(false);
        }
        catch (KubeStatusException e) when (e.Reason == "AlreadyExists")
        {
            // Another instance of the same store made it.
        }
    }

    /// <summary>Default roles gain new rules; everything else is the users'.</summary>
    private async ValueTask RefreshAsync(ResourceType resource, string? ns, string name, StoredObject present, JsonMap wanted, CancellationToken cancellationToken)
    {
        const string field = "rules";
        if (resource.Plural != "clusterroles" || JsonTree.Same(present.ToTree().GetValueOrDefault(field), wanted.GetValueOrDefault(field)))
        {
            return;
        }

        await core.Writer.UpdateAsync(
            resource,
            ns,
            name,
            null,
            old =>
            {
                old.MapOrNew("metadata").Remove("resourceVersion");
                old[field] = JsonTree.Clone(wanted[field]);
                return old;
            },
            _options,
            cancellationToken).ConfigureAwait(false);
    }
}
