using System.Buffers;
using System.Text.Json;
using Gantry.Kube.Client;
using Gantry.Kube.Model.Core.V1;
using Gantry.Kube.Node.Containers;
using Gantry.Kube.Node.Runtime;
using Gantry.Kube.Node.Volumes;

namespace Gantry.Kube.Node.Pods;

/// <summary>Computes a pod's status from what runs. See https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/.</summary>
internal static class PodStatusBuilder
{
    // Conditions that the kubelet owns; all others (readiness gates, DisruptionTarget) are kept as they are.
    private static readonly HashSet<string> s_ownConditions = ["PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled"];

    public static PodStatus Build(Pod pod, PodRuntimeState state, KubeletOptions options, PodDirectories directories, DateTimeOffset now)
    {
        var old = state.LastWritten ?? pod.Status ?? new PodStatus();
        var containers = pod.Spec!.Containers.ConvertAll(container => ContainerStatusBuilder.Build(pod, container, state, directories));
        var inits = (pod.Spec.InitContainers ?? []).ConvertAll(container => ContainerStatusBuilder.Build(pod, container, state, directories));
        var address = pod.Spec.HostNetwork == true ? options.NodeAddress : state.Sandbox?.Address is { Length: > 0 } own ? own : old.PodIP;
        var status = new PodStatus
        {
            Phase = pod.IsTerminal() ? pod.Status!.Phase : Phase(pod, containers, inits),
            Reason = pod.IsTerminal() ? old.Reason : null,
            Message = pod.IsTerminal() ? old.Message : null,
            HostIP = options.NodeAddress,
            HostIPs = [new() { Ip = options.NodeAddress }],
            PodIP = address,
            PodIPs = string.IsNullOrEmpty(address) ? null : [new() { Ip = address }],
            StartTime = old.StartTime ?? now,
            QosClass = PodQos.Of(pod),
            ContainerStatuses = containers,
            InitContainerStatuses = inits.Count > 0 ? inits : null,
            NominatedNodeName = old.NominatedNodeName,
        };
        status.Conditions = Conditions(pod, state, status, old, now);
        return status;
    }

    public static bool Same(PodStatus? old, PodStatus next) => old is not null && Json(old).SequenceEqual(Json(next));

    private static string Phase(Pod pod, List<ContainerStatus> containers, List<ContainerStatus> inits)
    {
        var policy = pod.Spec!.RestartPolicy ?? "Always";
        var plainInits = inits.Zip(pod.Spec.InitContainers ?? []).Where(pair => pair.Second.RestartPolicy != "Always").Select(pair => pair.First).ToList();
        if (policy == "Never" && plainInits.Exists(init => init.State?.Terminated is { ExitCode: not 0 }))
        {
            return "Failed";
        }

        var began = containers.Exists(status => status.State?.Running is not null || status.State?.Terminated is not null || status.LastState?.Terminated is not null);
        if (!began)
        {
            return "Pending";
        }

        var allEnded = containers.TrueForAll(status => status.State?.Terminated is not null);
        if (allEnded && policy == "Never")
        {
            return containers.TrueForAll(status => status.State!.Terminated!.ExitCode == 0) ? "Succeeded" : "Failed";
        }

        if (allEnded && policy == "OnFailure" && containers.TrueForAll(status => status.State!.Terminated!.ExitCode == 0))
        {
            return "Succeeded";
        }

        if (allEnded && pod.Metadata.DeletionTimestamp is not null)
        {
            return containers.TrueForAll(status => status.State!.Terminated!.ExitCode == 0) ? "Succeeded" : "Failed";
        }

        // A container that has never run and waits keeps the pod pending.
        return containers.Exists(status => status.State?.Waiting is not null && status.LastState?.Terminated is null) ? "Pending" : "Running";
    }

    private static List<PodCondition> Conditions(Pod pod, PodRuntimeState state, PodStatus status, PodStatus old, DateTimeOffset now)
    {
        var ended = status.Phase is "Succeeded" or "Failed";
        var initialized = Initialized(pod, status);
        var unready = status.ContainerStatuses!.Where(container => !container.Ready).Select(container => container.Name).ToList();
        var gates = (pod.Spec!.ReadinessGates ?? []).Where(gate => pod.Condition(gate.ConditionType)?.Status != "True").ToList();
        var containersReady = unready.Count == 0 && !ended;
        var reason = status.Phase == "Succeeded" ? "PodCompleted" : status.Phase == "Failed" ? "PodFailed" : "ContainersNotReady";
        var unreadyText = ended && status.Phase == "Succeeded" ? null : $"containers with unready status: [{string.Join(' ', unready)}]";
        var conditions = new List<PodCondition>
        {
            Make("PodReadyToStartContainers", state.Sandbox is { Ready: true }, null, null),
            Make("Initialized", initialized.Count == 0, status.Phase == "Succeeded" ? "PodCompleted" : initialized.Count == 0 ? null : "ContainersNotInitialized", initialized.Count == 0 ? null : $"containers with incomplete status: [{string.Join(' ', initialized)}]"),
            Make("Ready", containersReady && gates.Count == 0, containersReady ? (gates.Count > 0 ? "ReadinessGatesNotReady" : null) : reason, containersReady ? (gates.Count > 0 ? $"the status of pod readiness gate \"{gates[0].ConditionType}\" is not \"True\", but {pod.Condition(gates[0].ConditionType)?.Status ?? "does not exist"}" : null) : unreadyText),
            Make("ContainersReady", containersReady, containersReady ? null : reason, containersReady ? null : unreadyText),
            Make("PodScheduled", true, null, null),
        };
        conditions.ForEach(condition => KeepTransition(condition, old, now));
        conditions.AddRange((pod.Status?.Conditions ?? []).Where(condition => !s_ownConditions.Contains(condition.Type)));
        return conditions;
    }

    private static List<string> Initialized(Pod pod, PodStatus status)
    {
        var inits = (status.InitContainerStatuses ?? []).Zip(pod.Spec!.InitContainers ?? []);
        if (status.ContainerStatuses!.Exists(container => container.State?.Waiting is null || container.LastState?.Terminated is not null))
        {
            return [];
        }

        return [.. inits.Where(pair => pair.Second.RestartPolicy == "Always" ? pair.First.Started != true : pair.First.State?.Terminated is not { ExitCode: 0 }).Select(pair => pair.First.Name)];
    }

    private static PodCondition Make(string type, bool holds, string? reason, string? message) =>
        new() { Type = type, Status = holds ? "True" : "False", Reason = reason, Message = message };

    private static void KeepTransition(PodCondition condition, PodStatus old, DateTimeOffset now)
    {
        var present = old.Conditions?.Find(candidate => candidate.Type == condition.Type);
        condition.LastTransitionTime = present?.Status == condition.Status ? present.LastTransitionTime : now;
    }

    private static ReadOnlySpan<byte> Json(PodStatus status)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer))
        {
            status.WriteJson(writer);
        }

        return buffer.WrittenSpan;
    }
}
