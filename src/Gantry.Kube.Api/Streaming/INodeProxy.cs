using System.Threading.Channels;

namespace Gantry.Kube.Api.Streaming;

/// <summary>
/// What the API server asks of the kubelet that runs a pod. Failures are <see cref="Faults.FaultException"/>: NotFound for
/// an unknown pod or container, FailedPrecondition for a container that does not run, InvalidArgument otherwise.
/// </summary>
public interface INodeProxy
{
    /// <summary>Writes a container's log; with Follow until the container ends or the token is cancelled.</summary>
    Task LogsAsync(PodReference pod, PodLogRequest request, Stream output, CancellationToken cancellationToken);

    /// <summary>Runs a command in a container until it exits, and returns its exit code. The streams are the caller's.</summary>
    Task<int> ExecAsync(PodReference pod, PodExecRequest request, PodStreams streams, CancellationToken cancellationToken);

    /// <summary>Connects to a container's first process until it ends or the input does; Command is empty.</summary>
    Task AttachAsync(PodReference pod, PodExecRequest request, PodStreams streams, CancellationToken cancellationToken);

    /// <summary>Connects a stream with a port inside the pod's network namespace until either side closes.</summary>
    Task PortForwardAsync(PodReference pod, int port, Stream connection, CancellationToken cancellationToken);
}

/// <summary>A pod, and where it runs.</summary>
public sealed record PodReference(string Namespace, string Name, string Uid, string NodeName);

/// <summary>The query of a log request; <c>Container</c> is always set. Times are UTC.</summary>
public sealed record PodLogRequest(string Container, bool Follow = false, bool Previous = false, bool Timestamps = false, long? TailLines = null, long? LimitBytes = null, DateTimeOffset? Since = null);

/// <summary>The query of an exec or attach request; <c>Container</c> is always set.</summary>
public sealed record PodExecRequest(string Container, IReadOnlyList<string> Command, bool Tty);

/// <summary>
/// The streams of an exec or attach: null where the client did not ask for one. Reading 0 bytes of the input means that
/// the client closed it. With a terminal there is no Error stream, and sizes arrive on <c>Resizes</c>.
/// </summary>
public sealed record PodStreams(Stream? Input, Stream? Output, Stream? Error, ChannelReader<TerminalSize> Resizes);

/// <summary>A terminal's size in characters.</summary>
public readonly record struct TerminalSize(ushort Columns, ushort Rows);
