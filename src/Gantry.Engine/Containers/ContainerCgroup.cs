using Gantry.Faults;
using Gantry.Oci.Runtime;

namespace Gantry.Engine.Containers;

/// <summary>A container's control group.</summary>
internal sealed class ContainerCgroup
{
    internal static ContainerCgroup Open(EngineOptions options, ContainerRecord record) =>
        throw new FaultException(FaultKind.NotImplemented, $"control group {ContainerLauncher.CgroupPath(options, record)} cannot be changed by this build");

    internal void SetFrozen(bool frozen) => throw new FaultException(FaultKind.NotImplemented, $"freezing ({frozen})");

    internal void Apply(ResourcesSpec limits) => throw new FaultException(FaultKind.NotImplemented, $"changing limits {limits.Pids?.Limit}");
}
