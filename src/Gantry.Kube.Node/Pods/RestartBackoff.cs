using Gantry.Kube.Node.Runtime;

namespace Gantry.Kube.Node.Pods;

/// <summary>
/// When an ended container may be started again: at once the first time, then after 10 s, doubling to 5 minutes; from the
/// beginning after a run of 10 minutes. Computed from the last run alone, so that it survives the kubelet. See
/// https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#restart-policy.
/// </summary>
internal static class RestartBackoff
{
    private static readonly TimeSpan s_first = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan s_longest = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan s_steady = TimeSpan.FromMinutes(10);

    public static DateTimeOffset Due(PodContainer ended) => (ended.FinishedAt ?? ended.CreatedAt) + DelayBefore(ended);

    public static TimeSpan DelayBefore(PodContainer ended)
    {
        if (ended.Attempt == 0 || ended.FinishedAt - ended.StartedAt >= s_steady)
        {
            return TimeSpan.Zero;
        }

        var delay = s_first * Math.Pow(2, Math.Min(ended.Attempt - 1, 10));
        return delay < s_longest ? delay : s_longest;
    }
}
