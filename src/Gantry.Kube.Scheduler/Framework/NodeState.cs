using Gantry.Kube.Client;
using Gantry.Kube.Model.Core.V1;

namespace Gantry.Kube.Scheduler.Framework;

/// <summary>
/// A node with what its pods take, as the scheduler sees it during one decision. Changed only by the scheduling loop.
/// </summary>
internal sealed class NodeState(Node node)
{
    private readonly Dictionary<string, (Pod Pod, PodRequests Requests)> _pods = new(StringComparer.Ordinal);

    public Node Node { get; set; } = node;

    public PodRequests Requested { get; private set; } = PodRequests.None;

    public IEnumerable<Pod> Pods => _pods.Values.Select(entry => entry.Pod);

    public int PodCount => _pods.Count;

    public void Add(Pod pod)
    {
        Remove(pod);
        var requests = PodRequests.Of(pod);
        _pods[pod.Metadata.Uid!] = (pod, requests);
        Requested = Requested.Plus(requests);
    }

    public void Remove(Pod pod)
    {
        if (_pods.Remove(pod.Metadata.Uid!, out var entry))
        {
            Requested = Requested.Minus(entry.Requests);
        }
    }
}
