using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Gantry.Daemon.Hosting;
using Gantry.Faults;
using Gantry.Oci;
using Microsoft.AspNetCore.Http;

namespace Gantry.Daemon.Control;

/// <summary>
/// The API between gantry and gantryd on the control socket: GET /status, POST /down, POST /stop,
/// POST /images/bootstrap?reference=NAME (progress as lines, an error as a last line that begins with "error: ").
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
                context.Response.StatusCode = StatusCodes.Status404NotFound;
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

    private async Task BootstrapAsync(HttpContext context)
    {
        context.Response.ContentType = "text/plain; charset=utf-8";
        var gate = new Lock();
        var last = Task.CompletedTask;

        void Say(string line)
        {
            lock (gate)
            {
                last = SendAfterAsync(last, context, line);
            }
        }

        try
        {
            var reference = ImageReference.Parse(context.Request.Query["reference"].ToString()).WithDefaultTag();
            var image = await host.Engine.Bootstrap.MakeAsync(reference, Say, context.RequestAborted).ConfigureAwait(false);
            Say($"{reference.Familiar} is {image.Id}");
        }
        catch (FaultException fault)
        {
            Say($"error: {fault.Message}");
        }

        await last.ConfigureAwait(false);
    }

    private static async Task SendAfterAsync(Task before, HttpContext context, string line)
    {
        await before.ConfigureAwait(false);
        await context.Response.Body.WriteAsync(Encoding.UTF8.GetBytes(line + "\n"), context.RequestAborted).ConfigureAwait(false);
        await context.Response.Body.FlushAsync(context.RequestAborted).ConfigureAwait(false);
    }
}
