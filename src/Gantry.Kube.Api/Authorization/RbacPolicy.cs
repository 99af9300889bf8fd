using Gantry.Kube.Api.Requests;
using Gantry.Kube.Api.Resources;
using Gantry.Kube.Api.Storage;
using Gantry.Kube.Api.Strategies;
using Gantry.Kube.Model.Rbac.V1;

namespace Gantry.Kube.Api.Authorization;

/// <summary>All roles and bindings, compiled: for each subject its rules and where they hold. Immutable.</summary>
internal sealed class RbacPolicy
{
    private readonly Dictionary<string, List<(string? Namespace, AccessRule[] Rules)>> _grants = new(StringComparer.Ordinal);

    private RbacPolicy(long version) => Version = version;

    /// <summary>Which state of the four caches it was made from.</summary>
    public long Version { get; }

    public static long VersionOf(IEnumerable<ResourceCache> caches) => caches.Sum(static c => c.Changes);

    public static RbacPolicy Compile(ResourceCache roles, ResourceCache roleBindings, ResourceCache clusterRoles, ResourceCache clusterRoleBindings)
    {
        var policy = new RbacPolicy(VersionOf([roles, roleBindings, clusterRoles, clusterRoleBindings]));
        var cluster = All(clusterRoles).ToDictionary(static o => o.Name, static o => o.Typed(static c => TypedTree.Read<ClusterRole>(c.Data.Span)).Rules?.ConvertAll(AccessRule.Of).ToArray() ?? []);
        var local = All(roles).ToDictionary(static o => (o.Namespace, o.Name), static o => o.Typed(static c => TypedTree.Read<Role>(c.Data.Span)).Rules?.ConvertAll(AccessRule.Of).ToArray() ?? []);
        foreach (var obj in All(clusterRoleBindings))
        {
            var binding = obj.Typed(static c => TypedTree.Read<ClusterRoleBinding>(c.Data.Span));
            if (cluster.TryGetValue(binding.RoleRef.Name, out var rules))
            {
                policy.Grant(binding.Subjects, null, rules);
            }
        }

        foreach (var obj in All(roleBindings))
        {
            var binding = obj.Typed(static c => TypedTree.Read<RoleBinding>(c.Data.Span));
            var rules = binding.RoleRef.Kind == "ClusterRole" ? cluster.GetValueOrDefault(binding.RoleRef.Name) : local.GetValueOrDefault((obj.Namespace, binding.RoleRef.Name));
            if (rules is not null)
            {
                policy.Grant(binding.Subjects, obj.Namespace, rules);
            }
        }

        return policy;
    }

    public bool Allows(UserInfo user, AccessAttributes wanted)
    {
        foreach (var rule in RulesFor(user, wanted.IsResource ? wanted.Namespace : ""))
        {
            if (rule.Allows(wanted))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>The rules that hold for a user in a namespace; cluster-wide ones only when it is empty.</summary>
    public IEnumerable<AccessRule> RulesFor(UserInfo user, string ns)
    {
        foreach (var subject in user.Groups.Select(static g => "Group:" + g).Prepend("User:" + user.Name))
        {
            if (!_grants.TryGetValue(subject, out var grants))
            {
                continue;
            }

            foreach (var (where, rules) in grants)
            {
                if (where is null || (ns.Length > 0 && where == ns))
                {
                    foreach (var rule in rules)
                    {
                        yield return rule;
                    }
                }
            }
        }
    }

    private static CachedObject[] All(ResourceCache cache) => cache.Snapshot(cache.Resource.Prefix).Objects;

    private void Grant(List<Subject>? subjects, string? ns, AccessRule[] rules)
    {
        foreach (var subject in subjects ?? [])
        {
            var key = subject.Kind == "ServiceAccount" ? $"User:system:serviceaccount:{subject.Namespace ?? ns}:{subject.Name}" : $"{subject.Kind}:{subject.Name}";
            if (!_grants.TryGetValue(key, out var grants))
            {
                _grants[key] = grants = [];
            }

            grants.Add((ns, rules));
        }
    }
}
