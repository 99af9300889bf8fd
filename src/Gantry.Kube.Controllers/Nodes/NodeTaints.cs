using Gantry.Kube.Client;
using Gantry.Kube.Model.Core.V1;

namespace Gantry.Kube.Controllers.Nodes;

/// <summary>The taints that say how a node is, and what they do to pods.</summary>
internal static class NodeTaints
{
    public const string NotReady = "node.kubernetes.io/not-ready";
    public const string Unreachable = "node.kubernetes.io/unreachable";
    private const string Unschedulable = "node.kubernetes.io/unschedulable";

    /// <summary>The node's taints with its state's ones set right, or null when they are right already.</summary>
    public static List<Taint>? Adjust(Node node, string? state, DateTimeOffset now)
    {
        var present = node.Spec?.Taints ?? [];
        var wanted = present.Where(taint => taint.Key is not (NotReady or Unreachable or Unschedulable)).ToList();
        void Want(string key, string effect) =>
            wanted.Add(present.Find(taint => taint.Key == key && taint.Effect == effect) ?? new Taint { Key = key, Effect = effect, TimeAdded = now });
        if (node.Spec?.Unschedulable == true)
        {
            Want(Unschedulable, "NoSchedule");
        }

        if (state is not null)
        {
            Want(state, "NoSchedule");
            Want(state, "NoExecute");
        }

        return wanted.Count == present.Count && wanted.TrueForAll(taint => present.Contains(taint)) ? null : wanted;
    }

    /// <summary>When the taints make the pod leave: the past for at once, null for never.</summary>
    public static DateTimeOffset? EvictionTime(Pod pod, List<Taint> taints)
    {
        DateTimeOffset? earliest = null;
        foreach (var taint in taints)
        {
            var tolerations = (pod.Spec?.Tolerations ?? []).Where(toleration => Tolerations.Tolerates(toleration, taint)).ToList();
            if (tolerations.Count == 0)
            {
                return DateTimeOffset.MinValue;
            }

            if (tolerations.TrueForAll(toleration => toleration.TolerationSeconds is not null))
            {
                var seconds = tolerations.Min(toleration => toleration.TolerationSeconds!.Value);
                var due = (taint.TimeAdded ?? DateTimeOffset.MinValue).AddSeconds(Math.Max(0, seconds));
                earliest = earliest is null || due < earliest ? due : earliest;
            }
        }

        return earliest;
    }
}
