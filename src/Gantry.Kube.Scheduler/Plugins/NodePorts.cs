using Gantry.Kube.Model.Core.V1;
using Gantry.Kube.Scheduler.Framework;

namespace Gantry.Kube.Scheduler.Plugins;

/// <summary>A host port can be given once a node, protocol and address.</summary>
internal sealed class NodePorts : IFilterPlugin
{
    public IReadOnlyList<string>? Filter(Pod pod, NodeState node)
    {
        var wanted = HostPorts(pod).ToList();
        return wanted.Count > 0 && node.Pods.SelectMany(HostPorts).Any(taken => wanted.Exists(port => Conflicts(port, taken)))
            ? ["node(s) didn't have free ports for the requested pod ports"]
            : null;
    }

    private static IEnumerable<(int Port, string Protocol, string Address)> HostPorts(Pod pod) =>
        pod.Spec!.Containers.SelectMany(container => container.Ports ?? [])
            .Where(port => port.HostPort > 0)
            .Select(port => (port.HostPort!.Value, port.Protocol ?? "TCP", string.IsNullOrEmpty(port.HostIP) ? "0.0.0.0" : port.HostIP));

    private static bool Conflicts((int Port, string Protocol, string Address) left, (int Port, string Protocol, string Address) right) =>
        left.Port == right.Port && left.Protocol == right.Protocol
        && (left.Address == right.Address || left.Address == "0.0.0.0" || right.Address == "0.0.0.0");
}
