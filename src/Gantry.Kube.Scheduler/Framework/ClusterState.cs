using System.Globalization;
using Gantry.Kube.Client;
using Gantry.Kube.Model.Core.V1;

namespace Gantry.Kube.Scheduler.Framework;

/// <summary>
/// The nodes and what runs on them: what the informers report, plus the pods that were placed a moment ago (assumed) and
/// are not reported yet. Every member takes the lock.
/// </summary>
internal sealed class ClusterState(IReadOnlyList<IFilterPlugin> filters, IReadOnlyList<IScorePlugin> scorers)
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, NodeState> _nodes = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> _nodeOfPod = new(StringComparer.Ordinal);

    // Pods whose node is not known yet: they are counted once it is.
    private readonly Dictionary<string, Dictionary<string, Pod>> _podsOfUnknownNodes = new(StringComparer.Ordinal);

    public void SetNode(Node node)
    {
        lock (_gate)
        {
            if (_nodes.TryGetValue(node.Metadata.Name!, out var state))
            {
                state.Node = node;
                return;
            }

            state = _nodes[node.Metadata.Name!] = new NodeState(node);
            if (_podsOfUnknownNodes.Remove(node.Metadata.Name!, out var pods))
            {
                foreach (var pod in pods.Values)
                {
                    state.Add(pod);
                }
            }
        }
    }

    public void RemoveNode(string name)
    {
        lock (_gate)
        {
            if (_nodes.Remove(name, out var state))
            {
                _podsOfUnknownNodes[name] = state.Pods.ToDictionary(pod => pod.Metadata.Uid!, StringComparer.Ordinal);
            }
        }
    }

    public void SetPod(Pod pod, string node)
    {
        lock (_gate)
        {
            RemovePodLocked(pod);
            _nodeOfPod[pod.Metadata.Uid!] = node;
            if (_nodes.TryGetValue(node, out var state))
            {
                state.Add(pod);
            }
            else if (_podsOfUnknownNodes.TryGetValue(node, out var pods))
            {
                pods[pod.Metadata.Uid!] = pod;
            }
            else
            {
                _podsOfUnknownNodes[node] = new(StringComparer.Ordinal) { [pod.Metadata.Uid!] = pod };
            }
        }
    }

    public void RemovePod(Pod pod)
    {
        lock (_gate)
        {
            RemovePodLocked(pod);
        }
    }

    /// <summary>Whether the pod has a node: it runs there, or its binding is under way.</summary>
    public bool IsPlaced(Pod pod)
    {
        lock (_gate)
        {
            return _nodeOfPod.ContainsKey(pod.Metadata.Uid!);
        }
    }

    /// <summary>
    /// Chooses the best node and counts the pod there at once. Without one, <paramref name="message"/> says why in the
    /// scheduler's words: <c>0/1 nodes are available: 1 Insufficient cpu.</c> A pod that is placed already keeps its node.
    /// </summary>
    public string? Place(Pod pod, out string message)
    {
        lock (_gate)
        {
            message = "";
            if (_nodeOfPod.TryGetValue(pod.Metadata.Uid!, out var placed))
            {
                return placed;
            }

            var reasons = new SortedDictionary<string, int>(StringComparer.Ordinal);
            NodeState? best = null;
            var bestScore = double.MinValue;
            foreach (var node in _nodes.Values)
            {
                if (IsRefused(pod, node, reasons))
                {
                    continue;
                }

                var score = scorers.Sum(plugin => plugin.Weight * plugin.Score(pod, node));
                if (score > bestScore)
                {
                    (best, bestScore) = (node, score);
                }
            }

            if (best is null)
            {
                message = Explain(reasons);
                return null;
            }

            best.Add(pod);
            _nodeOfPod[pod.Metadata.Uid!] = best.Node.Metadata.Name!;
            return best.Node.Metadata.Name;
        }
    }

    private bool IsRefused(Pod pod, NodeState node, SortedDictionary<string, int> reasons)
    {
        foreach (var plugin in filters)
        {
            if (plugin.Filter(pod, node) is { } found)
            {
                foreach (var reason in found)
                {
                    reasons[reason] = reasons.GetValueOrDefault(reason) + 1;
                }

                return true;
            }
        }

        return false;
    }

    private string Explain(SortedDictionary<string, int> reasons)
    {
        if (_nodes.Count == 0)
        {
            return "no nodes available to schedule pods";
        }

        var parts = reasons.Select(pair => $"{pair.Value.ToString(CultureInfo.InvariantCulture)} {pair.Key}").Order(StringComparer.Ordinal);
        return $"0/{_nodes.Count.ToString(CultureInfo.InvariantCulture)} nodes are available: {string.Join(", ", parts)}.";
    }

    private void RemovePodLocked(Pod pod)
    {
        if (_nodeOfPod.Remove(pod.Metadata.Uid!, out var node))
        {
            if (_nodes.TryGetValue(node, out var state))
            {
                state.Remove(pod);
            }
            else if (_podsOfUnknownNodes.TryGetValue(node, out var pods) && pods.Remove(pod.Metadata.Uid!) && pods.Count == 0)
            {
                _podsOfUnknownNodes.Remove(node);
            }
        }
    }
}
