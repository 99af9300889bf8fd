using System.Text;
using System.Text.Json;
using Gantry.Docker.Model;
using Gantry.Docker.Protocol;
using Gantry.Docker.Streams;
using Gantry.Engine;
using Gantry.Engine.Containers;
using Gantry.Engine.Logs;
using Gantry.Faults;
using Microsoft.AspNetCore.Http;

namespace Gantry.Docker.Routes;

/// <summary>Attach, logs, wait, resize.</summary>
internal static class ContainerStreamRoutes
{
    internal static async Task AttachAsync(DockerRequest request)
    {
        ContainerRecord container = request.Engine.Get(request["id"]);
        bool stdin = request.Flag("stdin");
        bool stdout = request.Flag("stdout");
        bool stderr = request.Flag("stderr");
        if (!request.Flag("stream"))
        {
            stdin = false;
        }

        await using ContainerStreams streams = await request.Engine.AttachAsync(container.Id, stdin, stdout, stderr, request.Aborted).ConfigureAwait(false);
        await HijackedStream.RunAsync(request, streams, container.Spec.Terminal, stdin && container.Spec.OpenStdin).ConfigureAwait(false);
    }

    internal static async Task LogsAsync(DockerRequest request)
    {
        ContainerRecord container = request.Engine.Get(request["id"]);
        bool stdout = request.Flag("stdout");
        bool stderr = request.Flag("stderr");
        if (!stdout && !stderr)
        {
            throw new FaultException(FaultKind.InvalidArgument, "Bad parameters: you must choose at least one stream");
        }

        string tail = request.Query("tail", "all");
        LogQuery query = new()
        {
            Stdout = stdout,
            Stderr = stderr,
            Follow = request.Flag("follow"),
            Since = request.Time("since"),
            Until = request.Time("until"),
            Tail = int.TryParse(tail, out int lines) && lines >= 0 ? lines : -1,
        };
        IAsyncEnumerable<LogEntry> entries = request.Engine.ReadLogsAsync(container.Id, query, request.Aborted);
        bool terminal = container.Spec.Terminal;
        HttpResponse response = request.Context.Response;
        response.ContentType = !terminal && request.Version.AtLeast(42) ? "application/vnd.docker.multiplexed-stream" : "application/vnd.docker.raw-stream";
        await response.StartAsync(request.Aborted).ConfigureAwait(false);
        bool timestamps = request.Flag("timestamps");
        bool details = request.Flag("details");
        byte[] frame = new byte[64 * 1024];
        await foreach (LogEntry entry in entries.WithCancellation(request.Aborted).ConfigureAwait(false))
        {
            ReadOnlyMemory<byte> line = entry.Line;
            if (timestamps || details)
            {
                string prefix = (timestamps ? entry.TimeText + " " : "") + (details ? " " : "");
                line = (byte[])[.. Encoding.UTF8.GetBytes(prefix), .. line.Span];
            }

            await HijackedStream.WriteAsync(response.Body, frame, entry.Stream, line, terminal, request.Aborted).ConfigureAwait(false);
        }
    }

    internal static async Task WaitAsync(DockerRequest request)
    {
        WaitCondition condition = request.Query("condition") switch
        {
            "" or "not-running" => WaitCondition.NotRunning,
            "next-exit" => WaitCondition.NextExit,
            "removed" => WaitCondition.Removed,
            string other => throw new FaultException(FaultKind.InvalidArgument, $"invalid condition: \"{other}\""),
        };
        Task<int> exit = request.Engine.BeginWait(request["id"], condition);
        HttpResponse response = request.Context.Response;
        response.ContentType = "application/json";
        // The headers tell the client that the wait has begun: it starts the container only after them.
        await response.StartAsync(request.Aborted).ConfigureAwait(false);
        await response.Body.FlushAsync(request.Aborted).ConfigureAwait(false);
        int code = await exit.WaitAsync(request.Aborted).ConfigureAwait(false);
        string error = request.Engine.Find(request["id"])?.Error ?? "";
        byte[] body = JsonSerializer.SerializeToUtf8Bytes(new WaitJson(code, error.Length > 0 ? new WaitErrorJson(error) : null), DockerJson.Default.WaitJson);
        await response.Body.WriteAsync(body, request.Aborted).ConfigureAwait(false);
    }

    internal static async Task ResizeAsync(DockerRequest request)
    {
        (ushort columns, ushort rows) = Size(request);
        await request.Engine.ResizeAsync(request["id"], columns, rows, request.Aborted).ConfigureAwait(false);
    }

    internal static (ushort Columns, ushort Rows) Size(DockerRequest request) =>
        request.Number("w") is >= 0 and <= ushort.MaxValue and { } columns && request.Number("h") is >= 0 and <= ushort.MaxValue and { } rows
            ? ((ushort)columns, (ushort)rows)
            : throw new FaultException(FaultKind.InvalidArgument, "invalid resize: h and w must be numbers of rows and columns");
}
