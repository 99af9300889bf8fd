using Gantry.Kube.Api.Json;
using Gantry.Kube.Api.Resources;

namespace Gantry.Kube.Api.Tables;

/// <summary>The columns of each kind, as upstream's.</summary>
internal static class TableColumns
{
    private static readonly Column Name = new("Name", Cells.Name, Format: "name");
    private static readonly Column Age = new("Age", Cells.Age);

    private static readonly Dictionary<string, Column[]> Known = new()
    {
        ["pods"] =
        [
            Name, new("Ready", PodCells.Ready), new("Status", PodCells.Status), new("Restarts", PodCells.Restarts), Age,
            new("IP", PodCells.Address, Priority: 1), new("Node", PodCells.Node, Priority: 1),
            new("Nominated Node", PodCells.Nominated, Priority: 1), new("Readiness Gates", PodCells.Gates, Priority: 1),
        ],
        ["deployments.apps"] =
        [
            Name, new("Ready", static (o, _) => $"{Count(o, "status", "readyReplicas")}/{Count(o, "spec", "replicas")}"),
            new("Up-to-date", static (o, _) => Count(o, "status", "updatedReplicas"), "integer"),
            new("Available", static (o, _) => Count(o, "status", "availableReplicas"), "integer"), Age,
            new("Containers", WorkloadCells.Containers, Priority: 1), new("Images", WorkloadCells.Images, Priority: 1), new("Selector", WorkloadCells.Selector, Priority: 1),
        ],
        ["replicasets.apps"] =
        [
            Name, new("Desired", static (o, _) => Count(o, "spec", "replicas"), "integer"), new("Current", static (o, _) => Count(o, "status", "replicas"), "integer"),
            new("Ready", static (o, _) => Count(o, "status", "readyReplicas"), "integer"), Age,
            new("Containers", WorkloadCells.Containers, Priority: 1), new("Images", WorkloadCells.Images, Priority: 1), new("Selector", WorkloadCells.Selector, Priority: 1),
        ],
        ["services"] =
        [
            Name, new("Type", static (o, _) => Cells.OrNone(o.Map("spec")?.Text("type"))), new("Cluster-IP", static (o, _) => Cells.OrNone(o.Map("spec")?.Text("clusterIP"))),
            new("External-IP", ServiceCells.ExternalAddress), new("Port(s)", ServiceCells.Ports), Age,
            new("Selector", static (o, _) => Cells.Labels(o.Map("spec")?.Map("selector")), Priority: 1),
        ],
        ["nodes"] =
        [
            Name, new("Status", NodeCells.Status), new("Roles", NodeCells.Roles), Age, new("Version", NodeCells.Info("kubeletVersion")),
            new("Internal-IP", NodeCells.Address("InternalIP"), Priority: 1), new("External-IP", NodeCells.Address("ExternalIP"), Priority: 1),
            new("OS-Image", NodeCells.InfoOrUnknown("osImage"), Priority: 1), new("Kernel-Version", NodeCells.InfoOrUnknown("kernelVersion"), Priority: 1),
            new("Container-Runtime", NodeCells.InfoOrUnknown("containerRuntimeVersion"), Priority: 1),
        ],
        ["namespaces"] = [Name, new("Status", static (o, _) => o.Map("status")?.Text("phase") ?? ""), Age],
        ["configmaps"] = [Name, new("Data", static (o, _) => (o.Map("data")?.Count ?? 0L) + (o.Map("binaryData")?.Count ?? 0L), "integer"), Age],
        ["secrets"] = [Name, new("Type", static (o, _) => o.Text("type") ?? ""), new("Data", static (o, _) => o.Map("data")?.Count ?? 0L, "integer"), Age],
        ["serviceaccounts"] = [Name, new("Secrets", static (o, _) => o.List("secrets")?.Count ?? 0L, "integer"), Age],
        ["endpoints"] = [Name, new("Endpoints", ServiceCells.Endpoints), Age],
        ["endpointslices.discovery.k8s.io"] =
        [
            Name, new("AddressType", static (o, _) => o.Text("addressType") ?? ""), new("Ports", ServiceCells.SlicePorts), new("Endpoints", ServiceCells.SliceEndpoints), Age,
        ],
        ["events"] = EventCells.Columns,
        ["events.events.k8s.io"] = EventCells.Columns,
        ["leases.coordination.k8s.io"] = [Name, new("Holder", static (o, _) => o.Map("spec")?.Text("holderIdentity") ?? ""), Age],
        ["roles.rbac.authorization.k8s.io"] = [Name, CreatedAt],
        ["clusterroles.rbac.authorization.k8s.io"] = [Name, CreatedAt],
        ["rolebindings.rbac.authorization.k8s.io"] = BindingCells.Columns(Name, Age),
        ["clusterrolebindings.rbac.authorization.k8s.io"] = BindingCells.Columns(Name, Age),
    };

    private static Column CreatedAt => new("Created At", static (o, _) => o.Map("metadata")?.Text("creationTimestamp") ?? "");

    public static IReadOnlyList<Column> For(ResourceType resource)
        => Known.TryGetValue(resource.Qualified, out var columns) ? columns : [Name, CreatedAt];

    private static long Count(JsonMap obj, string part, string field) => obj.Map(part)?.Number(field) ?? 0;
}
