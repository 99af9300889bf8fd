using Gantry.Docker.Model;
using Gantry.Docker.Protocol;
using Gantry.Docker.Streams;
using Gantry.Engine.Containers;
using Gantry.Engine.Execs;
using Gantry.Faults;
using Microsoft.AspNetCore.Http;

namespace Gantry.Docker.Routes;

/// <summary>Execs.</summary>
internal static class ExecRoutes
{
    private static readonly TimeSpan s_exitPatience = TimeSpan.FromSeconds(1);

    internal static async Task CreateAsync(DockerRequest request)
    {
        ExecCreateJson body = await request.ReadAsync(DockerJson.Default.ExecCreateJson).ConfigureAwait(false);
        ExecStatus exec = request.Engine.CreateExec(request["id"], new ExecSpec
        {
            Arguments = body.Cmd ?? [],
            Environment = body.Env ?? [],
            User = body.User ?? "",
            WorkingDirectory = body.WorkingDir ?? "",
            Terminal = body.Tty,
            Privileged = body.Privileged,
            AttachStdin = body.AttachStdin,
            AttachStdout = body.AttachStdout,
            AttachStderr = body.AttachStderr,
            DetachKeys = body.DetachKeys ?? "",
        });
        await request.WriteAsync(new IdJson(exec.Id), DockerJson.Default.IdJson, StatusCodes.Status201Created).ConfigureAwait(false);
    }

    internal static async Task StartAsync(DockerRequest request)
    {
        ExecStartJson body = await request.ReadAsync(DockerJson.Default.ExecStartJson).ConfigureAwait(false);
        ExecStatus exec = request.Engine.GetExec(request["id"]);
        TerminalSize? size = body.ConsoleSize is [> 0 and int rows, > 0 and int columns] ? new TerminalSize((ushort)columns, (ushort)rows) : null;
        ContainerStreams? streams;
        try
        {
            streams = await request.Engine.StartExecAsync(exec.Id, body.Detach, size, CancellationToken.None).ConfigureAwait(false);
        }
        catch (FaultException fault) when (!body.Detach && fault.Kind == FaultKind.InvalidArgument)
        {
            // Docker has switched to the stream by then and says it there; the exit code tells the client that it failed.
            await HijackedStream.SayAsync(request, fault.Message + "\r\n", exec.Spec.Terminal).ConfigureAwait(false);
            return;
        }

        if (streams is null)
        {
            return;
        }

        await using (streams.ConfigureAwait(false))
        {
            await HijackedStream.RunAsync(request, streams, exec.Spec.Terminal, exec.Spec.AttachStdin, () => EndAsync(request, exec.Id)).ConfigureAwait(false);
        }
    }

    /// <summary>
    /// The client asks for the exit code as soon as the stream ends, so it must be there by then. A process that closed its
    /// output and runs on is not waited for.
    /// </summary>
    private static async Task EndAsync(DockerRequest request, string id)
    {
        try
        {
            await request.Engine.WaitExecAsync(id, CancellationToken.None).WaitAsync(s_exitPatience).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            // It runs on without output.
        }
    }

    internal static async Task ResizeAsync(DockerRequest request)
    {
        (ushort columns, ushort rows) = ContainerStreamRoutes.Size(request);
        await request.Engine.ResizeExecAsync(request["id"], columns, rows, request.Aborted).ConfigureAwait(false);
    }

    internal static Task InspectAsync(DockerRequest request)
    {
        ExecStatus exec = request.Engine.GetExec(request["id"]);
        return request.WriteAsync(
            new ExecInspectJson
            {
                ID = exec.Id,
                Running = exec.Running,
                ExitCode = exec.ExitCode,
                ProcessConfig = new ExecProcessJson
                {
                    Tty = exec.Spec.Terminal,
                    Entrypoint = exec.Spec.Arguments[0],
                    Arguments = exec.Spec.Arguments[1..],
                    Privileged = exec.Spec.Privileged,
                    User = exec.Spec.User,
                },
                OpenStdin = exec.Spec.AttachStdin,
                OpenStdout = exec.Spec.AttachStdout,
                OpenStderr = exec.Spec.AttachStderr,
                ContainerID = exec.ContainerId,
                DetachKeys = exec.Spec.DetachKeys,
                Pid = exec.Pid,
            },
            DockerJson.Default.ExecInspectJson);
    }
}
