using System.Text;
using Gantry.Kube.Client;
using Gantry.Kube.Model.Core.V1;
using Gantry.Kube.Node.Runtime;
using Gantry.Kube.Node.Volumes;

namespace Gantry.Kube.Node.Pods;

/// <summary>The status of one container of a pod.</summary>
internal static class ContainerStatusBuilder
{
    // core/v1 Container.terminationMessagePath: at most 4096 bytes; the log's end at most 2048 bytes or 80 lines.
    private const int MaxMessageBytes = 4096;

    public static ContainerStatus Build(Pod pod, Container container, PodRuntimeState state, PodDirectories directories)
    {
        var latest = state.Latest(container.Name);
        var previous = state.Previous(container.Name);
        var old = (pod.Status?.ContainerStatuses ?? []).Concat(pod.Status?.InitContainerStatuses ?? []).FirstOrDefault(status => status.Name == container.Name);
        var isInit = pod.Spec!.InitContainers?.Contains(container) == true && container.RestartPolicy != "Always";
        var status = new ContainerStatus
        {
            Name = container.Name,
            Image = container.Image ?? "",
            ImageID = latest?.ImageId ?? "",
            ContainerID = latest is null ? null : $"gantry://{latest.Id}",
            RestartCount = latest?.Attempt ?? old?.RestartCount ?? 0,
            Started = false,
        };
        switch (latest?.State)
        {
            case PodContainerState.Running:
                var prober = state.Prober(container.Name);
                status.State = new() { Running = new() { StartedAt = latest.StartedAt } };
                status.Started = isInit || prober?.Started == true;
                status.Ready = !isInit && prober?.Ready == true && pod.Metadata.DeletionTimestamp is null;
                status.LastState = previous is null ? old?.LastState : new() { Terminated = Terminated(container, previous, directories) };
                break;
            case PodContainerState.Exited when state.Waiting.TryGetValue(container.Name, out var waiting) && !pod.IsTerminal():
                status.State = new() { Waiting = new() { Reason = waiting.Reason, Message = waiting.Message } };
                status.LastState = new() { Terminated = Terminated(container, latest, directories) };
                break;
            case PodContainerState.Exited:
                status.State = new() { Terminated = Terminated(container, latest, directories) };
                status.LastState = previous is null ? null : new() { Terminated = Terminated(container, previous, directories) };
                status.Ready = isInit && latest.ExitCode == 0;
                break;
            default:
                var reason = state.Waiting.TryGetValue(container.Name, out var pending) ? pending : (HasPendingInit(pod, container, state) ? "PodInitializing" : "ContainerCreating", null);
                status.State = new() { Waiting = new() { Reason = reason.Item1, Message = reason.Item2 } };
                break;
        }

        return status;
    }

    private static ContainerStateTerminated Terminated(Container container, PodContainer ended, PodDirectories directories) => new()
    {
        ExitCode = ended.ExitCode,
        Reason = ended.OomKilled ? "OOMKilled" : ended.Error.Length > 0 ? "StartError" : ended.ExitCode == 0 ? "Completed" : "Error",
        Message = ended.Error.Length > 0 ? ended.Error : TerminationMessage(container, ended, directories),
        StartedAt = ended.StartedAt,
        FinishedAt = ended.FinishedAt,
        ContainerID = $"gantry://{ended.Id}",
    };

    private static string? TerminationMessage(Container container, PodContainer ended, PodDirectories directories)
    {
        var path = directories.TerminationLog(ended.PodUid, container.Name, ended.Attempt);
        try
        {
            using var file = File.OpenRead(path);
            var buffer = new byte[Math.Min(MaxMessageBytes, file.Length)];
            file.ReadExactly(buffer);
            return buffer.Length > 0 ? Encoding.UTF8.GetString(buffer) : null;
        }
        catch (IOException)
        {
            // No message file: the container had none, or the pod's directory is gone.
            return null;
        }
    }

    private static bool HasPendingInit(Pod pod, Container container, PodRuntimeState state) =>
        pod.Spec!.InitContainers is { Count: > 0 } inits && !inits.Contains(container)
        && inits.Exists(init => init.RestartPolicy == "Always" ? state.Latest(init.Name)?.State != PodContainerState.Running : state.Latest(init.Name) is not { State: PodContainerState.Exited, ExitCode: 0 });
}
