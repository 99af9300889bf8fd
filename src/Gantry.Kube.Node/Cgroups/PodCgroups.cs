using Gantry.Kube.Model.Core.V1;
using Gantry.Kube.Node.Containers;
using Gantry.Linux.Cgroups;

namespace Gantry.Kube.Node.Cgroups;

/// <summary>
/// The cgroups of pods by quality of service: <c>ROOT/podUID</c> for guaranteed, <c>ROOT/burstable/podUID</c> and
/// <c>ROOT/besteffort/podUID</c>, with the pod's CPU weight and, when all its containers have limits, their sum.
/// </summary>
internal sealed class PodCgroups(string root)
{
    public string PathOf(Pod pod)
    {
        var name = $"pod{pod.Metadata.Uid}";
        return PodQos.Of(pod) switch
        {
            PodQos.Guaranteed => $"{root}/{name}",
            PodQos.Burstable => $"{root}/burstable/{name}",
            _ => $"{root}/besteffort/{name}",
        };
    }

    /// <summary>Makes the pod's cgroup and sets its limits; idempotent.</summary>
    public string Ensure(Pod pod)
    {
        var path = PathOf(pod);
        var group = ControlGroup.Open(path);
        if (!group.Exists)
        {
            group.Create();
            group.Apply(ResourcesOf(pod));
        }

        return path;
    }

    /// <summary>Removes the cgroups of a pod whose class is not known any more.</summary>
    public void Remove(string podUid)
    {
        foreach (var parent in (string[])[root, $"{root}/burstable", $"{root}/besteffort"])
        {
            ControlGroup.Open($"{parent}/pod{podUid}").Remove();
        }
    }

    /// <summary>Removes the root with everything below it.</summary>
    public void RemoveAll() => ControlGroup.Open(root).Remove();

    private static CgroupResources ResourcesOf(Pod pod)
    {
        var containers = pod.Spec!.Containers;
        var requests = containers.Sum(container => container.Resources?.Requests?.GetValueOrDefault("cpu").MilliValue ?? 0);
        var cpuLimits = containers.ConvertAll(container => container.Resources?.Limits?.GetValueOrDefault("cpu").MilliValue ?? 0);
        var memoryLimits = containers.ConvertAll(container => container.Resources?.Limits?.GetValueOrDefault("memory").Value ?? 0);
        var quota = cpuLimits.Contains(0) ? (QuotaUs: 0L, PeriodUs: 0L) : PodQos.QuotaOf(cpuLimits.Sum());
        return new CgroupResources
        {
            CpuShares = (ulong)PodQos.SharesOf(requests),
            CpuQuotaUs = quota.QuotaUs > 0 ? quota.QuotaUs : null,
            CpuPeriodUs = quota.PeriodUs > 0 ? (ulong)quota.PeriodUs : null,
            MemoryLimitBytes = memoryLimits.Contains(0) ? null : memoryLimits.Sum(),
        };
    }
}
