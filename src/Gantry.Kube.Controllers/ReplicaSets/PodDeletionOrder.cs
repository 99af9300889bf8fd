using System.Globalization;
using Gantry.Kube.Client;
using Gantry.Kube.Model.Core.V1;

namespace Gantry.Kube.Controllers.ReplicaSets;

/// <summary>
/// Which pod to give up first when scaling down: unassigned before assigned, pending before running, not ready before
/// ready, lower deletion cost, on the fuller node, ready for a shorter time, restarted more often, younger.
/// See https://kubernetes.io/docs/concepts/workloads/controllers/replicaset/#scaling-a-replicaset.
/// </summary>
internal sealed class PodDeletionOrder : IComparer<Pod>
{
    private const string CostAnnotation = "controller.kubernetes.io/pod-deletion-cost";
    private readonly Dictionary<string, int> _podsByNode;

    public PodDeletionOrder(IEnumerable<Pod> pods) =>
        _podsByNode = pods.GroupBy(pod => pod.Spec?.NodeName ?? "", StringComparer.Ordinal).ToDictionary(node => node.Key, node => node.Count(), StringComparer.Ordinal);

    public int Compare(Pod? left, Pod? right)
    {
        ArgumentNullException.ThrowIfNull(left);
        ArgumentNullException.ThrowIfNull(right);
        ReadOnlySpan<int> orders =
        [
            (left.Spec?.NodeName is not null).CompareTo(right.Spec?.NodeName is not null),
            PhaseRank(left).CompareTo(PhaseRank(right)),
            left.IsReady().CompareTo(right.IsReady()),
            Cost(left).CompareTo(Cost(right)),
            _podsByNode[right.Spec?.NodeName ?? ""].CompareTo(_podsByNode[left.Spec?.NodeName ?? ""]),
            Nullable.Compare(right.Condition("Ready")?.LastTransitionTime, left.Condition("Ready")?.LastTransitionTime),
            Restarts(right).CompareTo(Restarts(left)),
            Nullable.Compare(right.Metadata.CreationTimestamp, left.Metadata.CreationTimestamp),
        ];
        foreach (var order in orders)
        {
            if (order != 0)
            {
                return order;
            }
        }

        return string.CompareOrdinal(left.Metadata.Name, right.Metadata.Name);
    }

    private static int PhaseRank(Pod pod) => pod.Status?.Phase switch
    {
        "Running" => 2,
        "Unknown" => 1,
        _ => 0,
    };

    private static int Cost(Pod pod) =>
        pod.Metadata.Annotations?.TryGetValue(CostAnnotation, out var text) == true && int.TryParse(text, NumberStyles.Integer, CultureInfo.InvariantCulture, out var cost) ? cost : 0;

    private static int Restarts(Pod pod) => pod.Status?.ContainerStatuses?.Max(status => (int?)status.RestartCount) ?? 0;
}
