using Gantry.Kube.Api.Json;

namespace Gantry.Kube.Api.Bootstrap;

/// <summary>
/// The cluster roles and bindings that upstream's API server makes, for the resources that are served. Written as lines of
/// <c>verbs : groups : resources</c> (the core group is a dot) or <c>verbs : paths</c>.
/// </summary>
internal static class DefaultRoles
{
    private const string ReadVerbs = "get,list,watch";
    private const string WriteVerbs = "create,delete,deletecollection,patch,update";
    private const string AllVerbs = "create,delete,deletecollection,get,list,patch,update,watch";

    private static readonly string[] ViewRules =
    [
        $"{ReadVerbs} : . : configmaps,endpoints,events,namespaces,pods,pods/log,pods/status,serviceaccounts,services,services/status,bindings,limitranges,resourcequotas,persistentvolumeclaims,replicationcontrollers",
        $"{ReadVerbs} : apps : deployments,deployments/scale,deployments/status,replicasets,replicasets/scale,replicasets/status,daemonsets,statefulsets,controllerrevisions",
        $"{ReadVerbs} : batch : cronjobs,jobs",
        $"{ReadVerbs} : autoscaling : horizontalpodautoscalers",
        $"{ReadVerbs} : policy : poddisruptionbudgets",
        $"{ReadVerbs} : networking.k8s.io : ingresses,networkpolicies",
        $"{ReadVerbs} : discovery.k8s.io : endpointslices",
        $"{ReadVerbs} : events.k8s.io : events",
    ];

    private static readonly string[] EditRules =
    [
        .. ViewRules,
        $"{ReadVerbs} : . : secrets,pods/attach,pods/exec,pods/portforward,pods/proxy,services/proxy",
        "impersonate : . : serviceaccounts",
        "create : . : pods/attach,pods/exec,pods/portforward,pods/proxy,pods/eviction,serviceaccounts/token",
        $"{WriteVerbs} : . : configmaps,endpoints,events,persistentvolumeclaims,pods,secrets,serviceaccounts,services,services/proxy",
        $"{WriteVerbs} : apps : deployments,deployments/rollback,deployments/scale,replicasets,replicasets/scale,daemonsets,statefulsets,statefulsets/scale",
        $"{WriteVerbs} : batch : cronjobs,jobs",
        $"{WriteVerbs} : autoscaling : horizontalpodautoscalers",
        $"{WriteVerbs} : policy : poddisruptionbudgets",
        $"{WriteVerbs} : networking.k8s.io : ingresses,networkpolicies",
        $"{AllVerbs} : coordination.k8s.io : leases",
    ];

    private static readonly Dictionary<string, string[]> Roles = new()
    {
        ["cluster-admin"] = ["* : * : *", "* : *"],
        ["admin"] =
        [
            .. EditRules,
            $"{AllVerbs} : rbac.authorization.k8s.io : roles,rolebindings",
            "create : authorization.k8s.io : localsubjectaccessreviews",
        ],
        ["edit"] = EditRules,
        ["view"] = ViewRules,
        ["system:basic-user"] = ["create : authorization.k8s.io : selfsubjectaccessreviews,selfsubjectrulesreviews", "create : authentication.k8s.io : selfsubjectreviews"],
        ["system:discovery"] = ["get : /api,/api/*,/apis,/apis/*,/healthz,/livez,/openapi,/openapi/*,/readyz,/version,/version/"],
        ["system:public-info-viewer"] = ["get : /healthz,/livez,/readyz,/version,/version/"],
        ["system:service-account-issuer-discovery"] = ["get : /.well-known/openid-configuration,/.well-known/openid-configuration/,/openid/v1/jwks,/openid/v1/jwks/"],
        ["system:monitoring"] = ["get : /healthz,/healthz/*,/livez,/livez/*,/metrics,/metrics/slis,/readyz,/readyz/*"],
        ["system:auth-delegator"] = ["create : authentication.k8s.io : tokenreviews", "create : authorization.k8s.io : subjectaccessreviews"],
        ["system:node"] =
        [
            "create : authentication.k8s.io : tokenreviews",
            "create : authorization.k8s.io : localsubjectaccessreviews,subjectaccessreviews",
            $"{ReadVerbs} : . : services,pods,secrets,configmaps,persistentvolumeclaims,persistentvolumes",
            "create,get,list,watch,update,patch : . : nodes",
            "update,patch : . : nodes/status,pods/status",
            "create,delete : . : pods",
            "create : . : pods/eviction,serviceaccounts/token",
            "create,patch,update : . : events",
            "create,delete,get,patch,update : coordination.k8s.io : leases",
        ],
        ["system:node-proxier"] =
        [
            "list,watch : . : services,endpoints,nodes",
            "list,watch : discovery.k8s.io : endpointslices",
            "create,patch,update : .,events.k8s.io : events",
        ],
        ["system:kube-scheduler"] =
        [
            "create,patch,update : .,events.k8s.io : events",
            "create,get,update,list,watch : coordination.k8s.io : leases",
            $"{ReadVerbs} : . : nodes,pods,services,namespaces,persistentvolumeclaims,persistentvolumes,replicationcontrollers",
            "delete : . : pods",
            "create : . : bindings,pods/binding",
            "patch,update : . : pods/status",
            $"{ReadVerbs} : apps : replicasets,statefulsets",
        ],
    };

    /// <summary>Role, then its subjects as <c>Kind/name</c>.</summary>
    private static readonly Dictionary<string, string[]> Bindings = new()
    {
        ["cluster-admin"] = ["Group/system:masters"],
        ["system:basic-user"] = ["Group/system:authenticated"],
        ["system:discovery"] = ["Group/system:authenticated"],
        ["system:public-info-viewer"] = ["Group/system:authenticated", "Group/system:unauthenticated"],
        ["system:service-account-issuer-discovery"] = ["Group/system:serviceaccounts"],
        ["system:monitoring"] = ["Group/system:monitoring"],
        ["system:node"] = ["Group/system:nodes"],
        ["system:node-proxier"] = ["User/system:kube-proxy"],
        ["system:kube-scheduler"] = ["User/system:kube-scheduler"],
    };

    public static IEnumerable<(string Name, JsonMap Role)> ClusterRoles()
        => Roles.Select(static r => (r.Key, new JsonMap { ["metadata"] = Metadata(), ["rules"] = r.Value.Select(Rule).ToList() }));

    public static IEnumerable<(string Name, JsonMap Binding)> ClusterRoleBindings()
        => Bindings.Select(static b => (b.Key, new JsonMap
        {
            ["metadata"] = Metadata(),
            ["roleRef"] = new JsonMap { ["apiGroup"] = "rbac.authorization.k8s.io", ["kind"] = "ClusterRole", ["name"] = b.Key },
            ["subjects"] = b.Value.Select(static s =>
            {
                var slash = s.IndexOf('/');
                return (object?)new JsonMap { ["apiGroup"] = "rbac.authorization.k8s.io", ["kind"] = s[..slash], ["name"] = s[(slash + 1)..] };
            }).ToList(),
        }));

    private static JsonMap Metadata() => new()
    {
        ["annotations"] = new JsonMap { ["rbac.authorization.kubernetes.io/autoupdate"] = "true" },
        ["labels"] = new JsonMap { ["kubernetes.io/bootstrapping"] = "rbac-defaults" },
    };

    private static object? Rule(string line)
    {
        var parts = line.Split(" : ");
        return parts.Length == 2
            ? new JsonMap { ["verbs"] = Texts(parts[0]), ["nonResourceURLs"] = Texts(parts[1]) }
            : new JsonMap { ["verbs"] = Texts(parts[0]), ["apiGroups"] = Texts(parts[1]), ["resources"] = Texts(parts[2]) };
    }

    private static List<object?> Texts(string list) => [.. list.Split(',').Select(static t => (object?)(t == "." ? "" : t))];
}
