using System.Globalization;
using Gantry.Faults;
using Gantry.Kube.Model.Core.V1;
using Gantry.Kube.Node.Runtime;
using Gantry.Kube.Node.Volumes;

namespace Gantry.Kube.Node.Containers;

/// <summary>Turns a container of a pod into what the runtime is asked for.</summary>
internal sealed class ContainerConfigBuilder(EnvironmentBuilder environment, VolumeManager volumes, PodDirectories directories, long nodeMemoryBytes)
{
    /// <summary>Builds the configuration; FailedPrecondition or InvalidArgument when something that it names is missing or unusable.</summary>
    public async Task<ContainerConfig> BuildAsync(Pod pod, Container container, int attempt, PodImage image, PodSandbox sandbox, string cgroup, CancellationToken cancellationToken)
    {
        CheckUser(pod, container, image);
        var variables = await environment.BuildAsync(pod, container, sandbox.Address, cancellationToken).ConfigureAwait(false);
        var lookup = variables.ToDictionary(pair => pair.Key, pair => pair.Value, StringComparer.Ordinal);
        var security = container.SecurityContext;
        var podSecurity = pod.Spec!.SecurityContext;
        var resources = container.Resources;
        var cpuRequest = resources?.Requests?.GetValueOrDefault("cpu").MilliValue ?? 0;
        var cpuLimit = resources?.Limits?.GetValueOrDefault("cpu").MilliValue ?? 0;
        var quota = PodQos.QuotaOf(cpuLimit);
        return new ContainerConfig
        {
            Name = container.Name,
            Attempt = attempt,
            Image = container.Image!,
            ImageId = image.Id,
            Command = container.Command?.ConvertAll(word => VariableExpansion.Expand(word, lookup)),
            Arguments = container.Args?.ConvertAll(word => VariableExpansion.Expand(word, lookup)),
            WorkingDirectory = container.WorkingDir ?? "",
            Environment = variables,
            Mounts = Mounts(pod, container, attempt, lookup),
            Labels = Labels(pod, container, attempt),
            Stdin = container.Stdin == true,
            StdinOnce = container.StdinOnce == true,
            Terminal = container.Tty == true,
            CgroupParent = cgroup,
            CpuShares = PodQos.SharesOf(cpuRequest),
            CpuQuotaUs = quota.QuotaUs,
            CpuPeriodUs = quota.PeriodUs,
            MemoryLimitBytes = resources?.Limits?.GetValueOrDefault("memory").Value ?? 0,
            OomScoreAdjust = PodQos.OomScoreOf(pod, container, nodeMemoryBytes),
            RunAsUser = security?.RunAsUser ?? podSecurity?.RunAsUser,
            RunAsGroup = security?.RunAsGroup ?? podSecurity?.RunAsGroup,
            SupplementalGroups = [.. podSecurity?.SupplementalGroups ?? [], .. podSecurity?.FsGroup is { } group ? [group] : Array.Empty<long>()],
            Privileged = security?.Privileged == true,
            ReadOnlyRoot = security?.ReadOnlyRootFilesystem == true,
            NoNewPrivileges = security?.AllowPrivilegeEscalation == false,
            CapAdd = security?.Capabilities?.Add ?? [],
            CapDrop = security?.Capabilities?.Drop ?? [],
            Seccomp = Seccomp(security?.SeccompProfile ?? podSecurity?.SeccompProfile),
            UnmaskedProc = security?.ProcMount == "Unmasked",
        };
    }

    private static Dictionary<string, string> Labels(Pod pod, Container container, int attempt) => new(StringComparer.Ordinal)
    {
        [RuntimeLabels.PodName] = pod.Metadata.Name!,
        [RuntimeLabels.PodNamespace] = pod.Metadata.Namespace!,
        [RuntimeLabels.PodUid] = pod.Metadata.Uid!,
        [RuntimeLabels.ContainerName] = container.Name,
        [RuntimeLabels.Attempt] = attempt.ToString(CultureInfo.InvariantCulture),
    };

    private List<ContainerVolume> Mounts(Pod pod, Container container, int attempt, Dictionary<string, string> variables)
    {
        var mounts = new List<ContainerVolume>();
        foreach (var mount in container.VolumeMounts ?? [])
        {
            var subPath = string.IsNullOrEmpty(mount.SubPathExpr) ? mount.SubPath : VariableExpansion.Expand(mount.SubPathExpr, variables);
            var propagation = mount.MountPropagation switch
            {
                "HostToContainer" => "rslave",
                "Bidirectional" => "rshared",
                _ => "rprivate",
            };
            mounts.Add(new ContainerVolume(volumes.MountSource(pod, mount.Name, subPath), mount.MountPath, mount.ReadOnly == true || volumes.IsReadOnly(pod, mount.Name), propagation));
        }

        if (container.TerminationMessagePath is { Length: > 0 } path)
        {
            mounts.Add(new ContainerVolume(directories.MakeTerminationLog(pod, container.Name, attempt), path, ReadOnly: false));
        }

        return mounts;
    }

    private static void CheckUser(Pod pod, Container container, PodImage image)
    {
        if ((container.SecurityContext?.RunAsNonRoot ?? pod.Spec!.SecurityContext?.RunAsNonRoot) != true)
        {
            return;
        }

        var user = container.SecurityContext?.RunAsUser ?? pod.Spec!.SecurityContext?.RunAsUser;
        if (user is 0)
        {
            throw new FaultException(FaultKind.FailedPrecondition, "container's runAsUser breaks non-root policy");
        }

        var imageUser = image.User.Split(':')[0];
        if (user is null && imageUser is "" or "0" or "root")
        {
            throw new FaultException(FaultKind.FailedPrecondition, "container has runAsNonRoot and image will run as root");
        }

        if (user is null && !long.TryParse(imageUser, CultureInfo.InvariantCulture, out _))
        {
            throw new FaultException(FaultKind.FailedPrecondition, $"container has runAsNonRoot and image has non-numeric user ({imageUser}), cannot verify user is non-root");
        }
    }

    private static string? Seccomp(SeccompProfile? profile) => profile?.Type switch
    {
        "RuntimeDefault" => null,
        "Localhost" => throw new FaultException(FaultKind.NotImplemented, "seccompProfile.type Localhost is not supported; use RuntimeDefault or Unconfined"),
        // Kubernetes' default is no filter; the runtime's default filter is the safer choice and what SeccompDefault gives.
        null => null,
        _ => "unconfined",
    };
}
