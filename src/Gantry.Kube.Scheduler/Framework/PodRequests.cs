using System.Collections.Immutable;
using Gantry.Kube.Model;
using Gantry.Kube.Model.Core.V1;

namespace Gantry.Kube.Scheduler.Framework;

/// <summary>Resource amounts by name: CPU in thousandths of a core, everything else in units (bytes, pieces).</summary>
internal sealed class PodRequests
{
    public static readonly PodRequests None = new(ImmutableSortedDictionary<string, long>.Empty);

    private readonly ImmutableSortedDictionary<string, long> _amounts;

    private PodRequests(ImmutableSortedDictionary<string, long> amounts) => _amounts = amounts;

    public IEnumerable<KeyValuePair<string, long>> Amounts => _amounts;

    public long this[string resource] => _amounts.GetValueOrDefault(resource);

    /// <summary>
    /// What a pod needs at its largest moment: its containers and sidecars together, or a single init container with the
    /// sidecars started before it, whichever is more; and the overhead. See
    /// https://kubernetes.io/docs/concepts/workloads/pods/init-containers/#resource-sharing-within-containers.
    /// </summary>
    public static PodRequests Of(Pod pod)
    {
        var total = Sum(pod.Spec!.Containers);
        var sidecars = None;
        var initPeak = None;
        foreach (var container in pod.Spec.InitContainers ?? [])
        {
            var own = From(container.Resources?.Requests);
            if (container.RestartPolicy == "Always")
            {
                sidecars = sidecars.Plus(own);
                initPeak = initPeak.Max(sidecars);
            }
            else
            {
                initPeak = initPeak.Max(sidecars.Plus(own));
            }
        }

        return total.Plus(sidecars).Max(initPeak).Plus(From(pod.Spec.Overhead));
    }

    public static PodRequests From(IReadOnlyDictionary<string, Quantity>? quantities) => quantities is null
        ? None
        : new(quantities.ToImmutableSortedDictionary(pair => pair.Key, pair => pair.Key == "cpu" ? pair.Value.MilliValue : pair.Value.Value, StringComparer.Ordinal));

    public PodRequests Plus(PodRequests other) => Combine(other, (left, right) => left + right);

    public PodRequests Minus(PodRequests other) => Combine(other, (left, right) => left - right);

    private PodRequests Max(PodRequests other) => Combine(other, Math.Max);

    private PodRequests Combine(PodRequests other, Func<long, long, long> operation)
    {
        var amounts = _amounts.ToBuilder();
        foreach (var name in other._amounts.Keys)
        {
            amounts[name] = operation(this[name], other[name]);
        }

        return new PodRequests(amounts.ToImmutable());
    }

    private static PodRequests Sum(IEnumerable<Container> containers) =>
        containers.Aggregate(None, (sum, container) => sum.Plus(From(container.Resources?.Requests)));
}
