using Gantry.Kube.Api.Http;
using Gantry.Kube.Api.Requests;
using Microsoft.AspNetCore.Http;

namespace Gantry.Kube.Api.Authorization;

/// <summary>Role-based access control over the stored roles and bindings; system:masters may do everything.</summary>
internal sealed class RbacAuthorizer(ServerCore core)
{
    private const string RbacGroup = "rbac.authorization.k8s.io";

    private volatile RbacPolicy? _policy;

    public static bool IsMaster(UserInfo user) => user.Groups.Contains(UserInfo.Masters);

    public async ValueTask<bool> AllowsAsync(UserInfo user, AccessAttributes wanted, CancellationToken cancellationToken)
        => IsMaster(user) || (await PolicyAsync(cancellationToken).ConfigureAwait(false)).Allows(user, wanted);

    /// <summary>Forbidden, in upstream's words, when the user may not do what the request wants.</summary>
    public async ValueTask AuthorizeAsync(UserInfo user, RequestInfo info, CancellationToken cancellationToken)
    {
        if (IsMaster(user))
        {
            return;
        }

        var wanted = AccessAttributes.Of(info);
        if (await AllowsAsync(user, wanted, cancellationToken).ConfigureAwait(false))
        {
            return;
        }

        var denial = wanted.Denial(user.Name);
        throw info.IsResource
            ? StatusErrors.Forbidden(info.Group.Length == 0 ? info.Resource : $"{info.Resource}.{info.Group}", info.Group, info.Resource, info.Name, denial)
            : StatusErrors.ForbiddenPath(denial);
    }

    /// <summary>The user that the Impersonate headers name, if the caller may impersonate it; else the caller.</summary>
    public async ValueTask<UserInfo> ImpersonateAsync(HttpContext http, UserInfo user)
    {
        var name = http.Request.Headers["Impersonate-User"].ToString();
        var groups = http.Request.Headers["Impersonate-Group"].OfType<string>().ToList();
        if (name.Length == 0)
        {
            return groups.Count == 0 ? user : throw StatusErrors.BadRequest("requested [] without impersonating a user");
        }

        const string AccountPrefix = "system:serviceaccount:";
        var account = name.StartsWith(AccountPrefix, StringComparison.Ordinal) ? name[AccountPrefix.Length..].Split(':') : null;
        var wanted = account is [var ns, var short_]
            ? new AccessAttributes("impersonate", "", "serviceaccounts", Name: short_, Namespace: ns)
            : new AccessAttributes("impersonate", "", "users", Name: name);
        await DemandAsync(user, wanted, http.RequestAborted).ConfigureAwait(false);
        foreach (var group in groups)
        {
            await DemandAsync(user, new AccessAttributes("impersonate", "", "groups", Name: group), http.RequestAborted).ConfigureAwait(false);
        }

        if (account is [var accountNamespace, _] && groups.Count == 0)
        {
            groups.AddRange(["system:serviceaccounts", $"system:serviceaccounts:{accountNamespace}"]);
        }

        var standard = name == UserInfo.Anonymous.Name ? "system:unauthenticated" : "system:authenticated";
        if (!groups.Contains(standard))
        {
            groups.Add(standard);
        }

        return new UserInfo(name, groups, http.Request.Headers["Impersonate-Uid"].ToString());
    }

    /// <summary>The compiled rules, made anew after a change of roles or bindings.</summary>
    public async ValueTask<RbacPolicy> PolicyAsync(CancellationToken cancellationToken)
    {
        var roles = await core.Caches.GetAsync(core.Registry.Get(RbacGroup, "v1", "roles"), cancellationToken).ConfigureAwait(false);
        var roleBindings = await core.Caches.GetAsync(core.Registry.Get(RbacGroup, "v1", "rolebindings"), cancellationToken).ConfigureAwait(false);
        var clusterRoles = await core.Caches.GetAsync(core.Registry.Get(RbacGroup, "v1", "clusterroles"), cancellationToken).ConfigureAwait(false);
        var clusterRoleBindings = await core.Caches.GetAsync(core.Registry.Get(RbacGroup, "v1", "clusterrolebindings"), cancellationToken).ConfigureAwait(false);
        var policy = _policy;
        if (policy is null || policy.Version != RbacPolicy.VersionOf([roles, roleBindings, clusterRoles, clusterRoleBindings]))
        {
            _policy = policy = RbacPolicy.Compile(roles, roleBindings, clusterRoles, clusterRoleBindings);
        }

        return policy;
    }

    private async ValueTask DemandAsync(UserInfo user, AccessAttributes wanted, CancellationToken cancellationToken)
    {
        if (!await AllowsAsync(user, wanted, cancellationToken).ConfigureAwait(false))
        {
            throw StatusErrors.Forbidden(wanted.Resource, "", wanted.Resource, wanted.Name, wanted.Denial(user.Name));
        }
    }
}
