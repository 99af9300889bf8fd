using System.Globalization;
using Gantry.Faults;
using Gantry.Kube.Api.Json;
using Gantry.Kube.Api.Requests;
using Gantry.Kube.Api.Streaming;
using Gantry.Kube.Api.Streaming.Remote;
using Gantry.Kube.Api.Streaming.Spdy;
using Gantry.Kube.Client;
using Gantry.Kube.Model.Core.V1;
using Microsoft.AspNetCore.Http;

namespace Gantry.Kube.Api.Http;

/// <content>Exec, attach and port-forward, over WebSocket or SPDY.</content>
internal sealed partial class StreamHandler
{
    private async Task ExecuteAsync(HttpContext http, Pod pod, bool attach)
    {
        var query = http.Request.Query;
        var container = ChooseContainer(pod, query["container"]);
        if (pod.Status?.Phase is "Succeeded" or "Failed")
        {
            throw StatusErrors.BadRequest($"cannot exec into a container in a completed pod; current phase is {pod.Status.Phase}");
        }

        if (string.IsNullOrEmpty(pod.Spec?.NodeName))
        {
            throw StatusErrors.BadRequest($"pod {pod.Metadata.Name} does not have a host assigned");
        }

        var node = Node(pod);
        var command = query["command"].OfType<string>().ToList();
        if (!attach && command.Count == 0)
        {
            throw StatusErrors.BadRequest("you must specify at least 1 command for the container");
        }

        var tty = Flag(query["tty"]);
        var (stdin, stdout, stderr) = (Flag(query["stdin"]), Flag(query["stdout"]), Flag(query["stderr"]) && !tty);
        var request = new PodExecRequest(container, command, tty);
        await using var channels = await OpenAsync(http, stdin, stdout, stderr, tty).ConfigureAwait(false);
        var status = await RunAsync(node, pod, request, channels, attach).ConfigureAwait(false);
        try
        {
            await channels.FinishAsync(status).ConfigureAwait(false);
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException or OperationCanceledException)
        {
            // The client left before it heard the outcome.
        }
    }

    private static async Task<RemoteChannels> OpenAsync(HttpContext http, bool stdin, bool stdout, bool stderr, bool tty)
    {
        if (UpgradeHandshake.WantsWebSocket(http))
        {
            var socket = await UpgradeHandshake.AcceptWebSocketAsync(http, WebSocketChannels.Protocols).ConfigureAwait(false);
            return new WebSocketChannels(socket, stdin, stdout, stderr, http.RequestAborted);
        }

        if (UpgradeHandshake.WantsSpdy(http))
        {
            var transport = await UpgradeHandshake.AcceptSpdyAsync(http, SpdyChannels.Protocols).ConfigureAwait(false);
            return await SpdyChannels.OpenAsync(transport, stdin, stdout, stderr, tty, http.RequestAborted).ConfigureAwait(false);
        }

        throw StatusErrors.BadRequest("Upgrade request required");
    }

    private static async Task<JsonMap> RunAsync(INodeProxy node, Pod pod, PodExecRequest request, RemoteChannels channels, bool attach)
    {
        try
        {
            var code = 0;
            if (attach)
            {
                await node.AttachAsync(Reference(pod), request, channels.Streams, channels.Gone).ConfigureAwait(false);
            }
            else
            {
                code = await node.ExecAsync(Reference(pod), request, channels.Streams, channels.Gone).ConfigureAwait(false);
            }

            return code == 0 ? new JsonMap { ["metadata"] = new JsonMap(), ["status"] = "Success" } : NonZero(code);
        }
        catch (Exception e) when (e is FaultException or IOException or OperationCanceledException)
        {
            return StatusWriter.Failure(StatusErrors.Internal($"error executing command in container: {e.Message}"));
        }
    }

    private static JsonMap NonZero(int code)
    {
        var text = code.ToString(CultureInfo.InvariantCulture);
        var status = StatusWriter.Failure(new KubeStatusException(
            FaultKind.FailedPrecondition,
            500,
            "NonZeroExitCode",
            $"command terminated with non-zero exit code: exit status {text}",
            new(null, null, null, null, [new KubeStatusCause("ExitCode", text, null)])));
        status.Remove("code");
        return status;
    }

    private async Task ForwardAsync(HttpContext http, Pod pod)
    {
        if (string.IsNullOrEmpty(pod.Spec?.NodeName))
        {
            throw StatusErrors.BadRequest($"pod {pod.Metadata.Name} does not have a host assigned");
        }

        var node = Node(pod);
        Stream transport;
        if (UpgradeHandshake.WantsWebSocket(http))
        {
            transport = new WebSocketTunnel(await UpgradeHandshake.AcceptWebSocketAsync(http, [PortForwarder.WebSocketProtocol]).ConfigureAwait(false));
        }
        else if (UpgradeHandshake.WantsSpdy(http))
        {
            transport = await UpgradeHandshake.AcceptSpdyAsync(http, [PortForwarder.SpdyProtocol]).ConfigureAwait(false);
        }
        else
        {
            throw StatusErrors.BadRequest("Upgrade request required");
        }

        await using var connection = new SpdyConnection(transport);
        await new PortForwarder(node, Reference(pod), connection).RunAsync(http.RequestAborted).ConfigureAwait(false);
    }

    private static bool Flag(string? text) => text is "true" or "1";
}
