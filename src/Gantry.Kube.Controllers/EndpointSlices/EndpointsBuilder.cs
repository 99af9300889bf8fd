using System.Buffers;
using System.Text.Json;
using Gantry.Kube.Client;
using Gantry.Kube.Model;
using Gantry.Kube.Model.Core.V1;
using CoreEndpoints = Gantry.Kube.Model.Core.V1.Endpoints;

namespace Gantry.Kube.Controllers.EndpointSlices;

/// <summary>Computes the Endpoints object that a Service and its pods should have.</summary>
internal static class EndpointsBuilder
{
    private const string TriggerAnnotation = "endpoints.kubernetes.io/last-change-trigger-time";

    public static CoreEndpoints Build(Service service, List<Pod> pods)
    {
        var subsets = new List<EndpointSubset>();
        var usable = pods.Where(pod => pod.Status?.PodIP is { Length: > 0 } && !pod.IsTerminal() && pod.Metadata.DeletionTimestamp is null);
        foreach (var group in usable.GroupBy(pod => string.Join(',', EndpointSliceBuilder.Ports(service, pod).Select(port => $"{port.Name}/{port.Protocol}/{port.Port}")), StringComparer.Ordinal))
        {
            var ready = group.Where(pod => pod.IsReady() || service.Spec!.PublishNotReadyAddresses == true).ToList();
            var notReady = group.Except(ready).ToList();
            var ports = EndpointSliceBuilder.Ports(service, group.First());
            subsets.Add(new EndpointSubset
            {
                Addresses = ready.Count > 0 ? ready.ConvertAll(pod => ToAddress(service, pod)) : null,
                NotReadyAddresses = notReady.Count > 0 ? notReady.ConvertAll(pod => ToAddress(service, pod)) : null,
                Ports = ports.Count > 0 ? ports.ConvertAll(port => new EndpointPort { Name = port.Name is { Length: > 0 } name ? name : null, Port = port.Port ?? 0, Protocol = port.Protocol, AppProtocol = port.AppProtocol }) : null,
            });
        }

        var labels = new Dictionary<string, string>(service.Metadata.Labels ?? [], StringComparer.Ordinal);
        if (service.Spec!.ClusterIP == "None")
        {
            labels["service.kubernetes.io/headless"] = "";
        }

        return new CoreEndpoints
        {
            Metadata = new()
            {
                Name = service.Metadata.Name,
                Namespace = service.Metadata.Namespace,
                Labels = labels.Count > 0 ? labels : null,
                Annotations = new(StringComparer.Ordinal) { [TriggerAnnotation] = KubeTime.Format(DateTimeOffset.UtcNow) },
            },
            Subsets = subsets.Count > 0 ? subsets : null,
        };
    }

    public static bool Same(CoreEndpoints present, CoreEndpoints wanted) => Text(present) == Text(wanted);

    private static EndpointAddress ToAddress(Service service, Pod pod) => new()
    {
        Ip = pod.Status!.PodIP!,
        NodeName = pod.Spec!.NodeName,
        Hostname = pod.Spec.Subdomain == service.Metadata.Name ? pod.Spec.Hostname : null,
        TargetRef = new() { Kind = "Pod", Namespace = pod.Metadata.Namespace, Name = pod.Metadata.Name, Uid = pod.Metadata.Uid },
    };

    private static string Text(CoreEndpoints endpoints)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer))
        {
            new CoreEndpoints { Subsets = endpoints.Subsets, Metadata = new() { Labels = endpoints.Metadata.Labels } }.WriteJson(writer);
        }

        return Convert.ToHexString(buffer.WrittenSpan);
    }
}
