using Gantry.Kube.Client.Informers;
using Gantry.Kube.Model.Apps.V1;
using Gantry.Kube.Model.Coordination.V1;
using Gantry.Kube.Model.Core.V1;
using Gantry.Kube.Model.Discovery.V1;
using Gantry.Kube.Model.Rbac.V1;

namespace Gantry.Kube.Controllers.Kinds;

/// <summary>
/// Every kind that the API serves, for namespace deletion and garbage collection. A kind that is added to the API is added
/// here; events are left out of caching and are deleted with their namespace by the namespace controller.
/// </summary>
internal sealed class KindTable
{
    public KindTable(InformerSet informers) => All =
    [
        new KindAccess<Deployment>(informers),
        new KindAccess<ReplicaSet>(informers),
        new KindAccess<Pod>(informers),
        new KindAccess<Service>(informers),
        new KindAccess<Endpoints>(informers),
        new KindAccess<EndpointSlice>(informers),
        new KindAccess<ConfigMap>(informers),
        new KindAccess<Secret>(informers),
        new KindAccess<ServiceAccount>(informers),
        new KindAccess<Lease>(informers),
        new KindAccess<Role>(informers),
        new KindAccess<RoleBinding>(informers),
        new KindAccess<ClusterRole>(informers),
        new KindAccess<ClusterRoleBinding>(informers),
        new KindAccess<Node>(informers),
        new KindAccess<Namespace>(informers),
    ];

    public IReadOnlyList<IKindAccess> All { get; }

    public IEnumerable<IKindAccess> Namespaced => All.Where(kind => kind.Resource.Namespaced);

    /// <summary>The access to an owner's kind, whatever version the reference names, or null for a kind that is not served.</summary>
    public IKindAccess? Find(string apiVersion, string kind)
    {
        var slash = apiVersion.IndexOf('/', StringComparison.Ordinal);
        var group = slash < 0 ? "" : apiVersion[..slash];
        return All.FirstOrDefault(access => access.Resource.Kind == kind && access.Resource.Group == group);
    }
}
