using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Gantry.Daemon.Hosting;
using Gantry.Oci;
using Microsoft.AspNetCore.Http;

namespace Gantry.Daemon.Control;

/// <summary>
/// The API between gantry and gantryd on the control socket: GET /status, POST /down, POST /stop,
/// POST /images/bootstrap?reference=NAME; <see cref="StoreRoutes"/> and <see cref="HistoryRoutes"/> have the rest. What a person
/// reads comes as lines (<see cref="LineResponse"/>).
/// </summary>
internal sealed class ControlHandler(GantryHost host, string version)
{
    public async Task HandleAsync(HttpContext context)
    {
        switch (context.Request.Method, context.Request.Path.Value)
        {
            case ("GET", "/status"):
                await WriteStatusAsync(context).ConfigureAwait(false);
                break;
            case ("POST", "/down"):
                context.Response.StatusCode = StatusCodes.Status202Accepted;
                await context.Response.CompleteAsync().ConfigureAwait(false);
                host.End(removeAll: true);
                break;
            case ("POST", "/stop"):
                context.Response.StatusCode = StatusCodes.Status202Accepted;
                await context.Response.CompleteAsync().ConfigureAwait(false);
                host.End(removeAll: false);
                break;
            case ("POST", "/images/bootstrap"):
                await BootstrapAsync(context).ConfigureAwait(false);
                break;
            default:
                if (!await StoreRoutes.TryHandleAsync(context, host).ConfigureAwait(false) && !await HistoryRoutes.TryHandleAsync(context, host).ConfigureAwait(false))
                {
                    context.Response.StatusCode = StatusCodes.Status404NotFound;
                }

                break;
        }
    }

    private async Task WriteStatusAsync(HttpContext context)
    {
        using var process = Process.GetCurrentProcess();
        using var buffer = new MemoryStream();
        using (var writer = new Utf8JsonWriter(buffer))
        {
            writer.WriteStartObject();
            writer.WriteString("version", version);
            writer.WriteBoolean("ready", host.IsReady);
            writer.WriteNumber("pid", Environment.ProcessId);
            writer.WriteString("root", host.Options.Root);
            writer.WriteString("dockerSocket", host.Options.DockerSocket);
            writer.WriteString("kubeconfig", host.Options.Kubeconfig);
            writer.WriteString("api", host.Options.ApiAddress.ToString());
            writer.WriteString("registry", host.Options.RegistryAddress.ToString());
            writer.WriteString("node", host.Options.NodeName);
            writer.WriteNumber("memoryBytes", process.WorkingSet64);
            writer.WriteString("startedAt", process.StartTime.ToUniversalTime().ToString("O", CultureInfo.InvariantCulture));
            writer.WriteNumber("containersRunning", host.Engine.Engine.List().Count(container => container.IsRunning));
            writer.WriteEndObject();
        }

        context.Response.ContentType = "application/json";
        await context.Response.Body.WriteAsync(buffer.ToArray(), context.RequestAborted).ConfigureAwait(false);
    }

    private Task BootstrapAsync(HttpContext context) => LineResponse.RunAsync(context, async (query, say, cancellationToken) =>
    {
        var reference = ImageReference.Parse(query("reference") ?? "").WithDefaultTag();
        var image = await host.Engine.Bootstrap.MakeAsync(reference, say, cancellationToken).ConfigureAwait(false);
        say($"{reference.Familiar} is {image.Id}");
    });
}
