namespace Gantry.Kube.Client.Nodes;

/// <summary>
/// What the API server asks of a node on behalf of kubectl: logs, exec, attach and port-forward. The kubelet implements it.
/// Failures are <see cref="Faults.FaultException"/>: NotFound for a pod or container that the node does not have,
/// InvalidArgument when the container must be named, FailedPrecondition when it does not run.
/// </summary>
public interface INodeProxy
{
    /// <summary>
    /// Writes a container's log as text to <paramref name="output"/>; returns at its end, or with Follow when the container
    /// has ended or the caller cancels. Nothing is written before a failure is thrown.
    /// </summary>
    Task WriteLogAsync(PodLogRequest request, Stream output, CancellationToken cancellationToken);

    /// <summary>Starts a process in a container.</summary>
    Task<IPodProcess> ExecAsync(PodExecRequest request, CancellationToken cancellationToken);

    /// <summary>Joins the streams of a container's first process; the command of the request is empty.</summary>
    Task<IPodProcess> AttachAsync(PodExecRequest request, CancellationToken cancellationToken);

    /// <summary>Connects to a TCP port inside the pod.</summary>
    Task<Stream> PortForwardAsync(string ns, string pod, int port, CancellationToken cancellationToken);
}

/// <summary>
/// The query of pods/log. <c>Container</c> may be null for a pod with one container. <c>Since</c> is an absolute time;
/// <c>TailLines</c> and <c>LimitBytes</c> null mean everything.
/// </summary>
public sealed record PodLogRequest(string Namespace, string Pod, string? Container)
{
    public bool Follow { get; init; }

    public bool Previous { get; init; }

    public bool Timestamps { get; init; }

    public int? TailLines { get; init; }

    public long? LimitBytes { get; init; }

    public DateTimeOffset? Since { get; init; }
}

/// <summary>The query of pods/exec and pods/attach.</summary>
public sealed record PodExecRequest(string Namespace, string Pod, string? Container, IReadOnlyList<string> Command)
{
    public bool Stdin { get; init; }

    public bool Stdout { get; init; }

    public bool Stderr { get; init; }

    public bool Terminal { get; init; }
}

/// <summary>The streams of a process in a pod. One reader and one writer at a time; disposing detaches.</summary>
public interface IPodProcess : IAsyncDisposable
{
    /// <summary>The next output; empty data is the end.</summary>
    ValueTask<(bool IsStderr, ReadOnlyMemory<byte> Data)> ReadAsync(CancellationToken cancellationToken);

    /// <summary>Sends bytes to standard input.</summary>
    ValueTask WriteStdinAsync(ReadOnlyMemory<byte> data, CancellationToken cancellationToken);

    /// <summary>Ends standard input.</summary>
    ValueTask CloseStdinAsync(CancellationToken cancellationToken);

    /// <summary>Sets the terminal's size.</summary>
    ValueTask ResizeAsync(ushort columns, ushort rows, CancellationToken cancellationToken);

    /// <summary>Waits for the process's end and returns its exit code; for attach, 0 when detached.</summary>
    Task<int> WaitAsync(CancellationToken cancellationToken);
}
