using Gantry.Kube.Model;
using Gantry.Kube.Model.Core.V1;

namespace Gantry.Kube.Node.Containers;

/// <summary>
/// The quality-of-service class of a pod and what follows from it. See
/// https://kubernetes.io/docs/concepts/workloads/pods/pod-qos/.
/// </summary>
internal static class PodQos
{
    public const string Guaranteed = "Guaranteed";
    public const string Burstable = "Burstable";
    public const string BestEffort = "BestEffort";

    // Kernel constants as kubelet uses them: 1024 shares a core, at least 2; quota in periods of 100 ms, at least 1 ms.
    private const long SharesPerCpu = 1024;
    private const long MinShares = 2;
    private const long QuotaPeriodUs = 100_000;
    private const long MinQuotaUs = 1000;

    public static string Of(Pod pod)
    {
        var containers = pod.Spec!.Containers.Concat(pod.Spec.InitContainers ?? []).ToList();
        if (!containers.Exists(container => Any(container.Resources?.Requests) || Any(container.Resources?.Limits)))
        {
            return BestEffort;
        }

        return containers.TrueForAll(IsGuaranteed) ? Guaranteed : Burstable;
    }

    public static long SharesOf(long milliCpu) => milliCpu == 0 ? MinShares : Math.Clamp(milliCpu * SharesPerCpu / 1000, MinShares, 262_144);

    public static (long QuotaUs, long PeriodUs) QuotaOf(long milliCpu) =>
        milliCpu == 0 ? (0, 0) : (Math.Max(MinQuotaUs, milliCpu * QuotaPeriodUs / 1000), QuotaPeriodUs);

    /// <summary>The score by which the kernel chooses a victim: -997 for guaranteed, 1000 for best effort, by request between.</summary>
    public static int OomScoreOf(Pod pod, Container container, long nodeMemoryBytes)
    {
        switch (Of(pod))
        {
            case Guaranteed:
                return -997;
            case BestEffort:
                return 1000;
            default:
                var request = container.Resources?.Requests?.GetValueOrDefault("memory").Value ?? 0;
                var score = 1000 - (1000 * request / Math.Max(1, nodeMemoryBytes));
                return (int)Math.Clamp(score, 3, 999);
        }
    }

    private static bool IsGuaranteed(Container container) =>
        Equal(container, "cpu") && Equal(container, "memory");

    private static bool Equal(Container container, string resource) =>
        container.Resources?.Limits?.TryGetValue(resource, out var limit) == true && limit.Sign > 0
        && (container.Resources.Requests?.TryGetValue(resource, out var request) != true || request == limit);

    private static bool Any(Dictionary<string, Quantity>? resources) =>
        resources?.Any(pair => pair.Key is "cpu" or "memory" && pair.Value.Sign > 0) == true;
}
