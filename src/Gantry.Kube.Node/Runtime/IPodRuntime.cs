using Gantry.Kube.Client.Nodes;

namespace Gantry.Kube.Node.Runtime;

/// <summary>
/// The container runtime as the kubelet sees it, in the shape of the Kubernetes CRI (runtime.v1): sandboxes, containers in
/// them, images. Gantry's engine implements it in process; a CRI server such as containerd could over gRPC. Failures are
/// FaultException; removing or stopping what is not there succeeds.
/// </summary>
public interface IPodRuntime
{
    /// <summary>The runtime's name and version, as in <c>gantry://0.1.0</c>.</summary>
    string Version { get; }

    Task<IReadOnlyList<PodSandbox>> ListSandboxesAsync(CancellationToken cancellationToken);

    /// <summary>Makes a sandbox and returns when its network is up.</summary>
    Task<PodSandbox> RunSandboxAsync(SandboxConfig config, CancellationToken cancellationToken);

    /// <summary>Releases the sandbox's network; its containers have ended.</summary>
    Task StopSandboxAsync(string id, CancellationToken cancellationToken);

    Task RemoveSandboxAsync(string id, CancellationToken cancellationToken);

    /// <summary>All containers of all sandboxes, running or not.</summary>
    Task<IReadOnlyList<PodContainer>> ListContainersAsync(CancellationToken cancellationToken);

    /// <summary>Creates a container in a sandbox and returns its id; it does not run yet.</summary>
    Task<string> CreateContainerAsync(PodSandbox sandbox, ContainerConfig config, CancellationToken cancellationToken);

    Task StartContainerAsync(string id, CancellationToken cancellationToken);

    /// <summary>Sends the stop signal, and SIGKILL after the grace; returns when the container has ended.</summary>
    Task StopContainerAsync(string id, TimeSpan grace, CancellationToken cancellationToken);

    Task RemoveContainerAsync(string id, CancellationToken cancellationToken);

    /// <summary>Runs a command in a container to its end; DeadlineExceeded when it takes longer.</summary>
    Task<ExecOutcome> RunAsync(string id, IReadOnlyList<string> command, TimeSpan timeout, CancellationToken cancellationToken);

    Task<IPodProcess> ExecAsync(string id, PodExecRequest request, CancellationToken cancellationToken);

    Task<IPodProcess> AttachAsync(string id, PodExecRequest request, CancellationToken cancellationToken);

    Task<Stream> PortForwardAsync(string sandboxId, int port, CancellationToken cancellationToken);

    Task WriteLogAsync(string id, PodLogRequest request, Stream output, CancellationToken cancellationToken);

    /// <summary>The image that a name stands for on this node, or null.</summary>
    Task<PodImage?> FindImageAsync(string name, CancellationToken cancellationToken);

    /// <summary>Pulls an image. Failures carry the registry's words.</summary>
    Task<PodImage> PullImageAsync(string name, IReadOnlyList<RegistryLogin> logins, CancellationToken cancellationToken);

    /// <summary>Calls back with the pod's uid whenever a container of it starts or ends. Dispose to end.</summary>
    IDisposable OnChange(Action<string> changed);
}
