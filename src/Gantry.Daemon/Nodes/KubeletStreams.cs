using Gantry.Kube.Api.Streaming;
using NodeExec = Gantry.Kube.Client.Nodes.PodExecRequest;
using NodeLog = Gantry.Kube.Client.Nodes.PodLogRequest;
using NodeProcess = Gantry.Kube.Client.Nodes.IPodProcess;
using NodeSide = Gantry.Kube.Client.Nodes.INodeProxy;

namespace Gantry.Daemon.Nodes;

/// <summary>Connects the API server's streams of logs, exec, attach and port-forward with the kubelet in this process.</summary>
internal sealed class KubeletStreams(NodeSide node) : INodeProxy
{
    private const int BufferSize = 32 * 1024;

    public Task LogsAsync(PodReference pod, PodLogRequest request, Stream output, CancellationToken cancellationToken) =>
        node.WriteLogAsync(
            new NodeLog(pod.Namespace, pod.Name, request.Container)
            {
                Follow = request.Follow,
                Previous = request.Previous,
                Timestamps = request.Timestamps,
                TailLines = (int?)request.TailLines,
                LimitBytes = request.LimitBytes,
                Since = request.Since,
            },
            output,
            cancellationToken);

    public async Task<int> ExecAsync(PodReference pod, PodExecRequest request, PodStreams streams, CancellationToken cancellationToken)
    {
        await using var process = await node.ExecAsync(Translate(pod, request, streams), cancellationToken).ConfigureAwait(false);
        await PumpAsync(process, streams, cancellationToken).ConfigureAwait(false);
        return await process.WaitAsync(cancellationToken).ConfigureAwait(false);
    }

    public async Task AttachAsync(PodReference pod, PodExecRequest request, PodStreams streams, CancellationToken cancellationToken)
    {
        await using var process = await node.AttachAsync(Translate(pod, request, streams), cancellationToken).ConfigureAwait(false);
        await PumpAsync(process, streams, cancellationToken).ConfigureAwait(false);
    }

    public async Task PortForwardAsync(PodReference pod, int port, Stream connection, CancellationToken cancellationToken)
    {
        await using var target = await node.PortForwardAsync(pod.Namespace, pod.Name, port, cancellationToken).ConfigureAwait(false);
        using var end = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var outward = connection.CopyToAsync(target, BufferSize, end.Token);
        var inward = target.CopyToAsync(connection, BufferSize, end.Token);
        // The pod's side decides: a client that has sent everything still waits for the answer.
        await Task.WhenAny(inward, WaitForBoth(outward, inward)).ConfigureAwait(false);
        await end.CancelAsync().ConfigureAwait(false);
        await Task.WhenAll(outward, inward).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    private static async Task WaitForBoth(Task outward, Task inward)
    {
        await outward.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await inward.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    private static NodeExec Translate(PodReference pod, PodExecRequest request, PodStreams streams) =>
        new(pod.Namespace, pod.Name, request.Container, request.Command)
        {
            Stdin = streams.Input is not null,
            Stdout = streams.Output is not null,
            Stderr = streams.Error is not null,
            Terminal = request.Tty,
        };

    /// <summary>Moves bytes and sizes until the process's output ends.</summary>
    private static async Task PumpAsync(NodeProcess process, PodStreams streams, CancellationToken cancellationToken)
    {
        using var end = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var input = streams.Input is null ? Task.CompletedTask : SendInputAsync(process, streams.Input, end.Token);
        var sizes = SendSizesAsync(process, streams, end.Token);
        while (true)
        {
            var (isError, data) = await process.ReadAsync(cancellationToken).ConfigureAwait(false);
            if (data.IsEmpty)
            {
                break;
            }

            var target = isError ? streams.Error : streams.Output;
            if (target is not null)
            {
                await target.WriteAsync(data, cancellationToken).ConfigureAwait(false);
                await target.FlushAsync(cancellationToken).ConfigureAwait(false);
            }
        }

        await end.CancelAsync().ConfigureAwait(false);
        await Task.WhenAll(input, sizes).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    private static async Task SendInputAsync(NodeProcess process, Stream input, CancellationToken cancellationToken)
    {
        var buffer = new byte[BufferSize];
        int count;
        while ((count = await input.ReadAsync(buffer, cancellationToken).ConfigureAwait(false)) > 0)
        {
            await process.WriteStdinAsync(buffer.AsMemory(0, count), cancellationToken).ConfigureAwait(false);
        }

        await process.CloseStdinAsync(cancellationToken).ConfigureAwait(false);
    }

    private static async Task SendSizesAsync(NodeProcess process, PodStreams streams, CancellationToken cancellationToken)
    {
        await foreach (var size in streams.Resizes.ReadAllAsync(cancellationToken).ConfigureAwait(false))
        {
            await process.ResizeAsync(size.Columns, size.Rows, cancellationToken).ConfigureAwait(false);
        }
    }
}
