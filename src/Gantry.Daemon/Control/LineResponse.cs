using System.Text;
using Gantry.Faults;
using Microsoft.AspNetCore.Http;

namespace Gantry.Daemon.Control;

/// <summary>
/// An answer of lines for a person, each sent when it is said. A failure is a last line that begins with "error: ".
/// </summary>
internal static class LineResponse
{
    /// <summary>Runs an action with the request's query (null for what is absent) and a way to say lines.</summary>
    public static async Task RunAsync(HttpContext context, Func<Func<string, string?>, Action<string>, CancellationToken, Task> action)
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
            await action(name => context.Request.Query.TryGetValue(name, out var value) ? value.ToString() : null, Say, context.RequestAborted).ConfigureAwait(false);
        }
        catch (FaultException fault)
        {
            Say($"error: {fault.Message.ReplaceLineEndings(" ")}");
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
