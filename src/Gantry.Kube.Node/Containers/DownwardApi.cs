using System.Globalization;
using Gantry.Faults;
using Gantry.Kube.Model;
using Gantry.Kube.Model.Core.V1;

namespace Gantry.Kube.Node.Containers;

/// <summary>
/// A pod's own fields and its containers' resources as text, for environment variables and files. See
/// https://kubernetes.io/docs/concepts/workloads/pods/downward-api/.
/// </summary>
internal sealed class DownwardApi(KubeletOptions options, IReadOnlyDictionary<string, Quantity> allocatable)
{
    /// <summary>The value of a fieldPath; InvalidArgument for one that cannot be used.</summary>
    public string Field(Pod pod, string path, string? podAddress)
    {
        if (Subscript(path, "metadata.labels") is { } label)
        {
            return pod.Metadata.Labels?.GetValueOrDefault(label) ?? "";
        }

        if (Subscript(path, "metadata.annotations") is { } annotation)
        {
            return pod.Metadata.Annotations?.GetValueOrDefault(annotation) ?? "";
        }

        return path switch
        {
            "metadata.name" => pod.Metadata.Name ?? "",
            "metadata.namespace" => pod.Metadata.Namespace ?? "",
            "metadata.uid" => pod.Metadata.Uid ?? "",
            "metadata.labels" => Lines(pod.Metadata.Labels),
            "metadata.annotations" => Lines(pod.Metadata.Annotations),
            "spec.nodeName" => options.NodeName,
            "spec.serviceAccountName" => pod.Spec!.ServiceAccountName ?? "",
            "status.hostIP" or "status.hostIPs" => options.NodeAddress,
            "status.podIP" or "status.podIPs" => podAddress ?? "",
            _ => throw new FaultException(FaultKind.InvalidArgument, $"unsupported fieldPath: {path}"),
        };
    }

    /// <summary>The value of a resource field, divided and rounded up. Limits that are not set are what the node has.</summary>
    public string Resource(Pod pod, ResourceFieldSelector selector, Container owner)
    {
        var container = string.IsNullOrEmpty(selector.ContainerName)
            ? owner
            : pod.Spec!.Containers.Concat(pod.Spec.InitContainers ?? []).FirstOrDefault(candidate => candidate.Name == selector.ContainerName)
                ?? throw new FaultException(FaultKind.InvalidArgument, $"container {selector.ContainerName} not found");
        var dot = selector.Resource.IndexOf('.', StringComparison.Ordinal);
        var name = selector.Resource[(dot + 1)..];
        var amount = selector.Resource[..Math.Max(0, dot)] switch
        {
            "limits" => container.Resources?.Limits?.TryGetValue(name, out var limit) == true ? limit : allocatable.GetValueOrDefault(name),
            "requests" => container.Resources?.Requests?.GetValueOrDefault(name) ?? default,
            _ => throw new FaultException(FaultKind.InvalidArgument, $"unsupported container resource: {selector.Resource}"),
        };
        var divisor = selector.Divisor is { Sign: > 0 } given ? given : Quantity.FromInt64(1);
        var value = name == "cpu"
            ? Math.Ceiling((double)amount.MilliValue / divisor.MilliValue)
            : Math.Ceiling((double)amount.Value / Math.Max(1, divisor.Value));
        return ((long)value).ToString(CultureInfo.InvariantCulture);
    }

    private static string? Subscript(string path, string field) =>
        path.StartsWith(field + "['", StringComparison.Ordinal) && path.EndsWith("']", StringComparison.Ordinal) ? path[(field.Length + 2)..^2] : null;

    private static string Lines(Dictionary<string, string>? map) =>
        string.Join('\n', (map ?? []).OrderBy(pair => pair.Key, StringComparer.Ordinal).Select(pair => $"{pair.Key}=\"{Escape(pair.Value)}\""));

    private static string Escape(string value) =>
        value.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal);
}
