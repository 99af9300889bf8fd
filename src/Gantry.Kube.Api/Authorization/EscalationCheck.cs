using Gantry.Kube.Api.Admission;
using Gantry.Kube.Api.Json;
using Gantry.Kube.Api.Requests;
using Gantry.Kube.Api.Resources;
using Gantry.Kube.Api.Strategies;
using Gantry.Kube.Model.Rbac.V1;

namespace Gantry.Kube.Api.Authorization;

/// <summary>Nobody grants what they do not have: roles need the verb escalate, bindings the verb bind, otherwise.</summary>
internal sealed class EscalationCheck(RbacAuthorizer authorizer, ServerCore core) : IAdmission
{
    private const string RbacGroup = "rbac.authorization.k8s.io";

    public ValueTask CreateAsync(ResourceType resource, string? ns, JsonMap obj, WriteOptions options, CancellationToken cancellationToken)
        => CheckAsync(resource, ns, obj, null, options, cancellationToken);

    public ValueTask UpdateAsync(ResourceType resource, JsonMap obj, JsonMap old, WriteOptions options, CancellationToken cancellationToken)
        => CheckAsync(resource, obj.Map("metadata")?.Text("namespace"), obj, old, options, cancellationToken);

    private async ValueTask CheckAsync(ResourceType resource, string? ns, JsonMap obj, JsonMap? old, WriteOptions options, CancellationToken cancellationToken)
    {
        if (resource.Group != RbacGroup || RbacAuthorizer.IsMaster(options.User))
        {
            return;
        }

        var name = obj.Map("metadata")?.Text("name") ?? "";
        if (resource.Plural is "roles" or "clusterroles")
        {
            if (old is not null && JsonTree.Same(obj.GetValueOrDefault("rules"), old.GetValueOrDefault("rules")))
            {
                return;
            }

            var allowed = new AccessAttributes("escalate", RbacGroup, resource.Plural, Name: name, Namespace: ns ?? "");
            await DemandAsync(resource, name, ns, obj.Maps("rules").Select(static r => AccessRule.Of(TypedTree.Read<PolicyRule>(r))), allowed, options, cancellationToken).ConfigureAwait(false);
            return;
        }

        var role = obj.MapOrNew("roleRef");
        var roles = core.Registry.Get(RbacGroup, "v1", role.Text("kind") == "Role" ? "roles" : "clusterroles");
        var bind = new AccessAttributes("bind", RbacGroup, roles.Plural, Name: role.Text("name") ?? "", Namespace: ns ?? "");
        var found = await core.Reader.TryGetAsync(roles, ns, role.Text("name") ?? "", cancellationToken).ConfigureAwait(false);
        if (found is null)
        {
            if (!await authorizer.AllowsAsync(options.User, bind, cancellationToken).ConfigureAwait(false))
            {
                throw StatusErrors.NotFound(roles, role.Text("name") ?? "");
            }

            return;
        }

        var rules = found.Value.ToTree().Maps("rules").Select(static r => AccessRule.Of(TypedTree.Read<PolicyRule>(r)));
        await DemandAsync(resource, name, ns, rules, bind, options, cancellationToken).ConfigureAwait(false);
    }

    private async ValueTask DemandAsync(ResourceType resource, string name, string? ns, IEnumerable<AccessRule> wanted, AccessAttributes exception, WriteOptions options, CancellationToken cancellationToken)
    {
        if (await authorizer.AllowsAsync(options.User, exception, cancellationToken).ConfigureAwait(false))
        {
            return;
        }

        var held = (await authorizer.PolicyAsync(cancellationToken).ConfigureAwait(false)).RulesFor(options.User, ns ?? "").ToList();
        var missing = wanted.SelectMany(static r => r.Split()).Where(single => !held.Any(h => h.Covers(single))).ToList();
        if (missing.Count > 0)
        {
            var groups = string.Join(" ", options.User.Groups.Select(JsonTree.Quote));
            throw StatusErrors.Forbidden(resource, name, $"user \"{options.User.Name}\" (groups=[{groups}]) is attempting to grant RBAC permissions not currently held:\n{string.Join("\n", missing)}");
        }
    }
}
