using System.Buffers;
using System.Text.Json;
using Gantry.Kube.Client;
using Gantry.Kube.Model.Core.V1;
using Gantry.Kube.Model.Discovery.V1;
using DiscoveryPort = Gantry.Kube.Model.Discovery.V1.EndpointPort;

namespace Gantry.Kube.Controllers.EndpointSlices;

/// <summary>Computes the EndpointSlices that a Service and its pods should have.</summary>
internal static class EndpointSliceBuilder
{
    // Upstream's --max-endpoints-per-slice.
    private const int MaxEndpoints = 100;
    private const string ManagedBy = "endpointslice.kubernetes.io/managed-by";
    private const string Manager = "endpointslice-controller.k8s.io";
    private const string ServiceName = "kubernetes.io/service-name";

    public static bool IsManaged(EndpointSlice slice) =>
        slice.Metadata.Labels?.GetValueOrDefault(ManagedBy) == Manager && slice.Metadata.Labels.ContainsKey(ServiceName);

    public static string ServiceKey(EndpointSlice slice) => ObjectKey.Of(slice.Metadata.Namespace, slice.Metadata.Labels![ServiceName]);

    /// <summary>Slices by the pods' resolved ports (named target ports may differ between pods), at most 100 endpoints each.</summary>
    public static List<EndpointSlice> Build(Service service, List<Pod> pods)
    {
        var slices = new List<EndpointSlice>();
        var usable = pods.Where(pod => pod.Status?.PodIP is { Length: > 0 } && !pod.IsTerminal());
        foreach (var group in usable.GroupBy(pod => string.Join(',', Ports(service, pod).Select(port => $"{port.Name}/{port.Protocol}/{port.Port}")), StringComparer.Ordinal))
        {
            foreach (var chunk in group.Chunk(MaxEndpoints))
            {
                slices.Add(NewSlice(service, [.. chunk.Select(pod => ToEndpoint(service, pod))], Ports(service, chunk[0])));
            }
        }

        if (slices.Count == 0)
        {
            slices.Add(NewSlice(service, [], null));
        }

        return slices;
    }

    public static bool Same(EndpointSlice present, EndpointSlice wanted) =>
        present.Metadata.Labels?.Count == wanted.Metadata.Labels!.Count
        && wanted.Metadata.Labels.All(label => present.Metadata.Labels!.GetValueOrDefault(label.Key) == label.Value)
        && Json(present).SequenceEqual(Json(wanted));

    /// <summary>Whether two states of a pod make the same endpoint.</summary>
    public static bool SameEndpoint(Pod left, Pod right) =>
        left.Status?.PodIP == right.Status?.PodIP
        && left.IsReady() == right.IsReady()
        && left.IsTerminal() == right.IsTerminal()
        && (left.Metadata.DeletionTimestamp is null) == (right.Metadata.DeletionTimestamp is null)
        && left.Spec?.NodeName == right.Spec?.NodeName
        && SameLabels(left.Metadata.Labels, right.Metadata.Labels);

    /// <summary>The Service's ports as a pod offers them; a named target port that the pod lacks is left out.</summary>
    public static List<DiscoveryPort> Ports(Service service, Pod pod)
    {
        var ports = new List<DiscoveryPort>();
        foreach (var port in service.Spec!.Ports ?? [])
        {
            var protocol = port.Protocol ?? "TCP";
            if (TargetPort(pod, port, protocol) is { } number)
            {
                ports.Add(new() { Name = port.Name ?? "", Protocol = protocol, Port = number, AppProtocol = port.AppProtocol });
            }
        }

        return ports;
    }

    private static int? TargetPort(Pod pod, ServicePort port, string protocol)
    {
        if (port.TargetPort is not { } target)
        {
            return port.Port;
        }

        if (!target.IsString)
        {
            return target.Number == 0 ? port.Port : target.Number;
        }

        return pod.Spec!.Containers.SelectMany(container => container.Ports ?? [])
            .FirstOrDefault(candidate => candidate.Name == target.Text && (candidate.Protocol ?? "TCP") == protocol)?.ContainerPortValue;
    }

    private static EndpointSlice NewSlice(Service service, List<Endpoint> endpoints, List<DiscoveryPort>? ports)
    {
        var labels = new Dictionary<string, string>(service.Metadata.Labels ?? [], StringComparer.Ordinal) { [ServiceName] = service.Metadata.Name!, [ManagedBy] = Manager };
        if (service.Spec!.ClusterIP == "None")
        {
            labels["service.kubernetes.io/headless"] = "";
        }

        return new EndpointSlice
        {
            Metadata = new() { GenerateName = $"{service.Metadata.Name}-", Namespace = service.Metadata.Namespace, Labels = labels, OwnerReferences = [OwnerRefs.ToController(service)] },
            AddressType = "IPv4",
            Endpoints = endpoints,
            Ports = ports,
        };
    }

    private static Endpoint ToEndpoint(Service service, Pod pod)
    {
        var terminating = pod.Metadata.DeletionTimestamp is not null;
        var serving = pod.IsReady() || service.Spec!.PublishNotReadyAddresses == true;
        return new Endpoint
        {
            Addresses = [pod.Status!.PodIP!],
            Conditions = new() { Ready = serving && !terminating, Serving = serving, Terminating = terminating },
            Hostname = pod.Spec!.Subdomain == service.Metadata.Name ? pod.Spec.Hostname : null,
            NodeName = pod.Spec.NodeName,
            TargetRef = new() { Kind = "Pod", Namespace = pod.Metadata.Namespace, Name = pod.Metadata.Name, Uid = pod.Metadata.Uid },
        };
    }

    private static ReadOnlySpan<byte> Json(EndpointSlice slice)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer))
        {
            new EndpointSlice { AddressType = slice.AddressType, Endpoints = slice.Endpoints, Ports = slice.Ports }.WriteJson(writer);
        }

        return buffer.WrittenSpan;
    }

    private static bool SameLabels(Dictionary<string, string>? left, Dictionary<string, string>? right) =>
        (left?.Count ?? 0) == (right?.Count ?? 0) && (left is null || left.All(pair => right!.GetValueOrDefault(pair.Key) == pair.Value));
}
