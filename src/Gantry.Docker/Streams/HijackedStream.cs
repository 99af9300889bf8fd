using System.Buffers.Binary;
using Gantry.Docker.Protocol;
using Gantry.Engine.Containers;
using Gantry.Monitor;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Gantry.Docker.Streams;

/// <summary>
/// The connection of attach and exec: the client sends raw standard input, the server raw output (terminals) or output in
/// frames of eight bytes' header (stream, 0, 0, 0, length). With <c>Upgrade: tcp</c> the answer is 101, else 200, and the
/// connection is a plain stream from then on either way.
/// </summary>
internal static class HijackedStream
{
    private const int HeaderSize = 8;

    /// <summary>Connects the client with the streams until the output and then <paramref name="beforeClose"/> ends, or the client goes away.</summary>
    internal static async Task RunAsync(DockerRequest request, ContainerStreams streams, bool terminal, bool stdin, Func<Task>? beforeClose = null)
    {
        Stream connection = await AcceptAsync(request, terminal).ConfigureAwait(false);
        using CancellationTokenSource ended = CancellationTokenSource.CreateLinkedTokenSource(request.Aborted);
        Task input = stdin ? CopyInputAsync(connection, streams, ended.Token) : Task.CompletedTask;
        try
        {
            await CopyOutputAsync(streams, connection, terminal, ended.Token).ConfigureAwait(false);
            await (beforeClose?.Invoke() ?? Task.CompletedTask).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is IOException or OperationCanceledException)
        {
            // The client detached.
        }
        finally
        {
            await ended.CancelAsync().ConfigureAwait(false);
            await input.ConfigureAwait(false);
            await connection.DisposeAsync().ConfigureAwait(false);
        }
    }

    /// <summary>Writes one message as the process's output and ends.</summary>
    internal static async Task SayAsync(DockerRequest request, string message, bool terminal)
    {
        await using Stream connection = await AcceptAsync(request, terminal).ConfigureAwait(false);
        byte[] text = System.Text.Encoding.UTF8.GetBytes(message);
        await WriteAsync(connection, new byte[HeaderSize + text.Length], StdStream.Stdout, text, terminal, request.Aborted).ConfigureAwait(false);
    }

    private static async Task<Stream> AcceptAsync(DockerRequest request, bool terminal)
    {
        string type = !terminal && request.Version.AtLeast(42) ? "application/vnd.docker.multiplexed-stream" : "application/vnd.docker.raw-stream";
        HttpResponse response = request.Context.Response;
        response.ContentType = type;
        IHttpUpgradeFeature? upgrade = request.Context.Features.Get<IHttpUpgradeFeature>();
        if (upgrade is { IsUpgradableRequest: true })
        {
            response.Headers.Upgrade = "tcp";
            response.Headers.Connection = "Upgrade";
            return await upgrade.UpgradeAsync().ConfigureAwait(false);
        }

        // An old client without Upgrade: the body of a response without a length, flushed for each piece of output.
        await response.StartAsync(request.Aborted).ConfigureAwait(false);
        return new DuplexStream(request.Context.Request.Body, response.Body);
    }

    private static async Task CopyInputAsync(Stream connection, ContainerStreams streams, CancellationToken cancellationToken)
    {
        byte[] buffer = new byte[32 * 1024];
        try
        {
            int count;
            while ((count = await connection.ReadAsync(buffer, cancellationToken).ConfigureAwait(false)) > 0)
            {
                await streams.WriteStdinAsync(buffer.AsMemory(0, count), cancellationToken).ConfigureAwait(false);
            }

            // The client closed its half: so does the process's standard input; output goes on.
            await streams.CloseStdinAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is IOException or OperationCanceledException)
        {
            // The connection ended, by the client or because the output did.
        }
    }

    private static async Task CopyOutputAsync(ContainerStreams streams, Stream connection, bool terminal, CancellationToken cancellationToken)
    {
        byte[] frame = new byte[64 * 1024];
        while (await streams.ReadAsync(cancellationToken).ConfigureAwait(false) is { Data.Length: > 0 } output)
        {
            await WriteAsync(connection, frame, output.Stream, output.Data, terminal, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Writes one piece of output, framed unless it is a terminal's.</summary>
    internal static async ValueTask WriteAsync(Stream target, byte[] frame, StdStream stream, ReadOnlyMemory<byte> data, bool terminal, CancellationToken cancellationToken)
    {
        if (terminal)
        {
            await target.WriteAsync(data, cancellationToken).ConfigureAwait(false);
        }
        else
        {
            while (data.Length > 0)
            {
                ReadOnlyMemory<byte> part = data[..Math.Min(data.Length, frame.Length - HeaderSize)];
                frame.AsSpan(0, 4).Clear();
                frame[0] = (byte)stream;
                BinaryPrimitives.WriteUInt32BigEndian(frame.AsSpan(4), (uint)part.Length);
                part.CopyTo(frame.AsMemory(HeaderSize));
                await target.WriteAsync(frame.AsMemory(0, HeaderSize + part.Length), cancellationToken).ConfigureAwait(false);
                data = data[part.Length..];
            }
        }

        await target.FlushAsync(cancellationToken).ConfigureAwait(false);
    }
}
