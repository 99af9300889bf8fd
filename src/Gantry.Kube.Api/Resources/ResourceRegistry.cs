using Gantry.Kube.Api.Strategies;
using Gantry.Kube.Model.Schemas;
using Gantry.Schema;

namespace Gantry.Kube.Api.Resources;

/// <summary>The served resources, by group, version and plural.</summary>
internal sealed class ResourceRegistry
{
    private readonly Dictionary<(string Group, string Version, string Plural), ResourceType> _resources = [];
    private readonly Dictionary<(string Group, string Version, string Kind), ResourceType> _kinds = [];

    public ResourceRegistry(SchemaCatalog catalog, ServiceRanges ranges)
    {
        Catalog = catalog;
        foreach (var type in catalog.Tables.SelectMany(static t => t.Types).Where(static t => t.Plural.Length > 0))
        {
            // events.k8s.io comes after core in the tables' order, and its objects are core events.
            var storedAs = type.QualifiedName == "events/v1.Event" ? Get("", "v1", "events") : null;
            Add(new ResourceType(type, storedAs?.Strategy ?? StrategyOf(type, ranges), storedAs));
        }
    }

    public SchemaCatalog Catalog { get; }

    public IEnumerable<ResourceType> All => _resources.Values;

    /// <summary>The resource, or null.</summary>
    public ResourceType? Find(string group, string version, string plural) => _resources.GetValueOrDefault((group, version, plural));

    public ResourceType? FindKind(string group, string version, string kind) => _kinds.GetValueOrDefault((group, version, kind));

    public ResourceType Get(string group, string version, string plural) => _resources[(group, version, plural)];

    /// <summary>A core or other resource by its plural's usual name, as <c>pods</c>.</summary>
    public ResourceType Core(string plural) => Get("", "v1", plural);

    private void Add(ResourceType resource)
    {
        _resources[(resource.Group, resource.Version, resource.Plural)] = resource;
        _kinds[(resource.Group, resource.Version, resource.Kind)] = resource;
    }

    private static ResourceStrategy StrategyOf(SchemaType type, ServiceRanges ranges) => type.QualifiedName switch
    {
        "core/v1.Pod" => new PodResource(),
        "core/v1.Service" => new ServiceResource(ranges),
        "core/v1.Namespace" => new NamespaceResource(),
        "core/v1.Node" => new NodeResource(),
        "core/v1.ConfigMap" => new ConfigMapResource(),
        "core/v1.Secret" => new SecretResource(),
        "core/v1.Endpoints" => new EndpointsResource(),
        "core/v1.Event" => new EventResource(),
        "apps/v1.Deployment" => new DeploymentResource(),
        "apps/v1.ReplicaSet" => new ReplicaSetResource(),
        "discovery/v1.EndpointSlice" => new EndpointSliceResource(),
        "coordination/v1.Lease" => new LeaseResource(),
        "rbac/v1.Role" or "rbac/v1.ClusterRole" => new RoleResource(),
        "rbac/v1.RoleBinding" or "rbac/v1.ClusterRoleBinding" => new RoleBindingResource(),
        _ => new ResourceStrategy(),
    };
}
