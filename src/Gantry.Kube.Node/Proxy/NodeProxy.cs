using Gantry.Faults;
using Gantry.Kube.Client.Nodes;
using Gantry.Kube.Model.Core.V1;
using Gantry.Kube.Node.Runtime;

namespace Gantry.Kube.Node.Proxy;

/// <summary>Answers the API server's requests for this node's pods: finds the container and passes on to the runtime.</summary>
internal sealed class NodeProxy(Kubelet kubelet, IPodRuntime runtime) : INodeProxy
{
    public async Task WriteLogAsync(PodLogRequest request, Stream output, CancellationToken cancellationToken)
    {
        var pod = Find(request.Namespace, request.Pod);
        var name = NameOf(pod, request.Container);
        var runs = await RunsAsync(pod, name, cancellationToken).ConfigureAwait(false);
        var run = request.Previous ? runs.SkipLast(1).LastOrDefault() : runs.LastOrDefault();
        if (run is null)
        {
            throw request.Previous
                ? new FaultException(FaultKind.InvalidArgument, $"previous terminated container \"{name}\" in pod \"{request.Pod}\" not found")
                : new FaultException(FaultKind.InvalidArgument, $"container \"{name}\" in pod \"{request.Pod}\" is waiting to start: {WaitingReason(pod, name)}");
        }

        await runtime.WriteLogAsync(run.Id, request, output, cancellationToken).ConfigureAwait(false);
    }

    public async Task<IPodProcess> ExecAsync(PodExecRequest request, CancellationToken cancellationToken) =>
        await runtime.ExecAsync(await RunningAsync(request, cancellationToken).ConfigureAwait(false), request, cancellationToken).ConfigureAwait(false);

    public async Task<IPodProcess> AttachAsync(PodExecRequest request, CancellationToken cancellationToken) =>
        await runtime.AttachAsync(await RunningAsync(request, cancellationToken).ConfigureAwait(false), request, cancellationToken).ConfigureAwait(false);

    public async Task<Stream> PortForwardAsync(string ns, string pod, int port, CancellationToken cancellationToken)
    {
        var found = Find(ns, pod);
        var sandboxes = await runtime.ListSandboxesAsync(cancellationToken).ConfigureAwait(false);
        var sandbox = sandboxes.FirstOrDefault(candidate => candidate.PodUid == found.Metadata.Uid && candidate.Ready)
            ?? throw new FaultException(FaultKind.FailedPrecondition, $"unable to forward port because pod is not running. Current status={found.Status?.Phase}");
        return await runtime.PortForwardAsync(sandbox.Id, port, cancellationToken).ConfigureAwait(false);
    }

    private async Task<string> RunningAsync(PodExecRequest request, CancellationToken cancellationToken)
    {
        var pod = Find(request.Namespace, request.Pod);
        var name = NameOf(pod, request.Container);
        var run = (await RunsAsync(pod, name, cancellationToken).ConfigureAwait(false)).LastOrDefault();
        return run is { State: PodContainerState.Running }
            ? run.Id
            : throw new FaultException(FaultKind.FailedPrecondition, $"container {name} is not running in pod {request.Pod}: unable to upgrade connection");
    }

    private async Task<List<PodContainer>> RunsAsync(Pod pod, string name, CancellationToken cancellationToken)
    {
        var containers = await runtime.ListContainersAsync(cancellationToken).ConfigureAwait(false);
        return [.. containers.Where(container => container.PodUid == pod.Metadata.Uid && container.Name == name && container.State != PodContainerState.Created)
            .OrderBy(container => container.Attempt).ThenBy(container => container.CreatedAt)];
    }

    private Pod Find(string ns, string name) =>
        kubelet.FindPod(ns, name) ?? throw new FaultException(FaultKind.NotFound, $"pods \"{name}\" not found");

    /// <summary>The container that is meant: the named one, the annotated default, or the only one.</summary>
    private static string NameOf(Pod pod, string? name)
    {
        var all = pod.Spec!.Containers.Concat(pod.Spec.InitContainers ?? []).ToList();
        if (!string.IsNullOrEmpty(name))
        {
            return all.Exists(container => container.Name == name)
                ? name
                : throw new FaultException(FaultKind.InvalidArgument, $"container {name} is not valid for pod {pod.Metadata.Name}");
        }

        if (pod.Metadata.Annotations?.GetValueOrDefault("kubectl.kubernetes.io/default-container") is { } preferred && all.Exists(container => container.Name == preferred))
        {
            return preferred;
        }

        return pod.Spec.Containers.Count == 1
            ? pod.Spec.Containers[0].Name
            : throw new FaultException(FaultKind.InvalidArgument, $"a container name must be specified for pod {pod.Metadata.Name}, choose one of: [{string.Join(' ', all.Select(container => container.Name))}]");
    }

    private static string WaitingReason(Pod pod, string name) =>
        (pod.Status?.ContainerStatuses ?? []).Concat(pod.Status?.InitContainerStatuses ?? []).FirstOrDefault(status => status.Name == name)?.State?.Waiting?.Reason ?? "ContainerCreating";
}
