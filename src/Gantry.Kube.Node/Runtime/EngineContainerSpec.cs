using System.Globalization;
using Gantry.Engine.Containers;

namespace Gantry.Kube.Node.Runtime;

/// <summary>Translates a pod's container into the engine's terms.</summary>
internal static class EngineContainerSpec
{
    public static ContainerSpec Build(PodSandbox sandbox, ContainerConfig config) => new()
    {
        // The name that Docker users know from dockershim: k8s_CONTAINER_POD_NAMESPACE_UID_ATTEMPT.
        Name = string.Create(CultureInfo.InvariantCulture, $"k8s_{config.Name}_{sandbox.Name}_{sandbox.Namespace}_{sandbox.PodUid}_{config.Attempt}"),
        Image = config.Image,
        SandboxId = sandbox.Id,
        Entrypoint = config.Command is { Count: > 0 } ? [.. config.Command] : null,
        Command = config.Arguments is { Count: > 0 } ? [.. config.Arguments] : config.Command is { Count: > 0 } ? [] : null,
        WorkingDirectory = config.WorkingDirectory,
        Environment = [.. config.Environment.Select(pair => $"{pair.Key}={pair.Value}")],
        Labels = new(config.Labels),
        Mounts = [.. config.Mounts.Select(mount => new ContainerMount { Kind = ContainerMountKind.Bind, Source = mount.HostPath, Target = mount.ContainerPath, ReadOnly = mount.ReadOnly, Propagation = mount.Propagation })],
        OpenStdin = config.Stdin,
        StdinOnce = config.StdinOnce,
        Terminal = config.Terminal,
        User = User(config),
        Groups = [.. config.SupplementalGroups.Select(group => group.ToString(CultureInfo.InvariantCulture))],
        CgroupParent = config.CgroupParent,
        RestartPolicy = new RestartPolicy("no", 0),
        Resources = new ResourceSpec
        {
            CpuShares = config.CpuShares,
            CpuQuota = config.CpuQuotaUs,
            CpuPeriod = config.CpuPeriodUs,
            Memory = config.MemoryLimitBytes,
            // No swap beyond the limit, as Kubernetes' accounting assumes.
            MemorySwap = config.MemoryLimitBytes,
            OomScoreAdj = config.OomScoreAdjust,
        },
        Security = new SecuritySpec
        {
            Privileged = config.Privileged,
            ReadOnlyRoot = config.ReadOnlyRoot,
            NoNewPrivileges = config.NoNewPrivileges,
            CapAdd = [.. config.CapAdd],
            CapDrop = [.. config.CapDrop],
            Seccomp = config.Privileged ? "unconfined" : config.Seccomp,
            MaskedPaths = config.UnmaskedProc || config.Privileged ? [] : null,
            ReadonlyPaths = config.UnmaskedProc || config.Privileged ? [] : null,
        },
    };

    private static string User(ContainerConfig config) => (config.RunAsUser, config.RunAsGroup) switch
    {
        ({ } user, { } group) => string.Create(CultureInfo.InvariantCulture, $"{user}:{group}"),
        ({ } user, null) => user.ToString(CultureInfo.InvariantCulture),
        (null, { } group) => string.Create(CultureInfo.InvariantCulture, $"0:{group}"),
        _ => "",
    };
}
