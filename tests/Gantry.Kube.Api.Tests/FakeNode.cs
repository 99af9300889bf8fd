using System.Diagnostics;
using System.Net.Sockets;
using System.Text;
using Gantry.Kube.Api.Streaming;

namespace Gantry.Kube.Api.Tests;

/// <summary>A kubelet that runs commands as processes of this machine, and forwards to its loopback.</summary>
public sealed class FakeNode : INodeProxy
{
    public async Task LogsAsync(PodReference pod, PodLogRequest request, Stream output, CancellationToken cancellationToken)
    {
        for (var i = 0; i < (request.TailLines ?? 3); i++)
        {
            await output.WriteAsync(Encoding.UTF8.GetBytes($"{pod.Name}/{request.Container} line {i}\n"), cancellationToken);
        }
    }

    public async Task<int> ExecAsync(PodReference pod, PodExecRequest request, PodStreams streams, CancellationToken cancellationToken)
    {
        var start = new ProcessStartInfo(request.Command[0], request.Command.Skip(1)) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.BaseStream.CopyToAsync(streams.Output ?? Stream.Null, cancellationToken);
        var error = process.StandardError.BaseStream.CopyToAsync(streams.Error ?? Stream.Null, cancellationToken);
        if (streams.Input is not null)
        {
            await streams.Input.CopyToAsync(process.StandardInput.BaseStream, cancellationToken);
        }

        process.StandardInput.Close();
        await Task.WhenAll(output, error);
        await process.WaitForExitAsync(cancellationToken);
        return process.ExitCode;
    }

    public Task AttachAsync(PodReference pod, PodExecRequest request, PodStreams streams, CancellationToken cancellationToken)
        => ExecAsync(pod, request with { Command = ["cat"] }, streams, cancellationToken);

    public async Task PortForwardAsync(PodReference pod, int port, Stream connection, CancellationToken cancellationToken)
    {
        using var client = new TcpClient();
        await client.ConnectAsync("127.0.0.1", port, cancellationToken);
        var stream = client.GetStream();
        var down = stream.CopyToAsync(connection, cancellationToken);
        await connection.CopyToAsync(stream, cancellationToken);
        client.Client.Shutdown(SocketShutdown.Send);
        await down;
    }
}
