using System.Text.Json;
using System.Threading.Channels;
using Gantry.Docker.Model;
using Gantry.Docker.Protocol;
using Gantry.Faults;
using Gantry.Images;
using Microsoft.AspNetCore.Http;

namespace Gantry.Docker.Streams;

/// <summary>
/// Writes a stream of JSON messages while an operation runs. Until the first message a failure is an ordinary error answer;
/// after it, it is the stream's last message, since the status has been sent.
/// </summary>
internal sealed class ProgressWriter
{
    // Progress comes from the operation's own threads, which must not wait for a slow client: the oldest is dropped then.
    private const int Bound = 4096;
    private readonly DockerRequest _request;
    private readonly Channel<ProgressJson> _messages = Channel.CreateBounded<ProgressJson>(
        new BoundedChannelOptions(Bound) { SingleReader = true, FullMode = BoundedChannelFullMode.DropOldest });

    private ProgressWriter(DockerRequest request) => _request = request;

    /// <summary>Runs an operation and streams what it reports.</summary>
    internal static async Task RunAsync(DockerRequest request, Func<ProgressWriter, Task> operation)
    {
        ProgressWriter writer = new(request);
        Task running = RunOperationAsync(writer, operation);
        bool started = false;
        await foreach (ProgressJson message in writer._messages.Reader.ReadAllAsync(CancellationToken.None).ConfigureAwait(false))
        {
            started = true;
            await writer.WriteAsync(message).ConfigureAwait(false);
        }

        try
        {
            await running.ConfigureAwait(false);
        }
        catch (FaultException fault) when (started)
        {
            await writer.WriteAsync(Failure(fault)).ConfigureAwait(false);
        }

        if (!started && !request.Context.Response.HasStarted)
        {
            request.Context.Response.ContentType = "application/json";
        }
    }

    internal void Send(ProgressJson message) => _messages.Writer.TryWrite(message);

    internal void Send(ImageProgress progress) => Send(Translate(progress));

    internal static ProgressJson Translate(ImageProgress progress) => new()
    {
        Status = progress.Status,
        Id = progress.Id,
        ProgressDetail = progress.Id is null ? null : new ProgressDetailJson
        {
            Current = progress.Total > 0 ? progress.Current : null,
            Total = progress.Total > 0 ? progress.Total : null,
        },
        Progress = progress.Total > 0 ? Bar(progress.Current, progress.Total) : null,
    };

    private static async Task RunOperationAsync(ProgressWriter writer, Func<ProgressWriter, Task> operation)
    {
        try
        {
            await operation(writer).ConfigureAwait(false);
        }
        finally
        {
            writer._messages.Writer.TryComplete();
        }
    }

    private static ProgressJson Failure(FaultException fault) => new()
    {
        ErrorDetail = new ErrorDetailJson { Message = fault.Message, Code = fault is Build.RunFailedException run ? run.ExitCode : null },
        Error = fault.Message,
    };

    private static string Bar(long current, long total)
    {
        const int Width = 50;
        int filled = (int)(current * Width / total);
        string bar = new string('=', Math.Max(0, filled - 1)) + (filled < Width ? ">" : "=");
        return $"[{bar.PadRight(Width)}]  {Size(current)}/{Size(total)}";
    }

    private static string Size(long bytes) => bytes switch
    {
        >= 1_000_000_000 => FormattableString.Invariant($"{bytes / 1e9:0.###}GB"),
        >= 1_000_000 => FormattableString.Invariant($"{bytes / 1e6:0.###}MB"),
        >= 1_000 => FormattableString.Invariant($"{bytes / 1e3:0.###}kB"),
        _ => FormattableString.Invariant($"{bytes}B"),
    };

    private async Task WriteAsync(ProgressJson message)
    {
        HttpResponse response = _request.Context.Response;
        response.ContentType ??= "application/json";
        byte[] line = JsonSerializer.SerializeToUtf8Bytes(message, DockerStreamJson.Default.ProgressJson);
        await response.Body.WriteAsync(line, _request.Aborted).ConfigureAwait(false);
        await response.Body.WriteAsync("\r\n"u8.ToArray(), _request.Aborted).ConfigureAwait(false);
        await response.Body.FlushAsync(_request.Aborted).ConfigureAwait(false);
    }
}
