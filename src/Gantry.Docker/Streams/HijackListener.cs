using System.Buffers;
using System.Globalization;
using System.IO.Pipelines;
using System.Text;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.WebUtilities;

namespace Gantry.Docker.Streams;

/// <summary>
/// Takes connections whose first request asks for <c>Upgrade: tcp</c> (attach, exec) before Kestrel's HTTP sees them, and leaves all
/// others untouched. Kestrel cannot serve these: it refuses to upgrade a request with a body, which exec has, and it drops a
/// connection whose client closes its sending half, which is how a client ends standard input. Docker's clients use a
/// connection of its own for each such request.
/// </summary>
internal sealed class HijackListener(RequestDelegate handle)
{
    // As Kestrel's limit for a request's line and headers.
    private const int MaxHeadSizeBytes = 32 * 1024;
    private const int MaxBodySizeBytes = 1 << 20;

    internal async Task RunAsync(ConnectionContext connection, ConnectionDelegate next)
    {
        PipeReader input = connection.Transport.Input;
        while (true)
        {
            ReadResult read = await input.ReadAsync(CancellationToken.None).ConfigureAwait(false);
            ReadOnlySequence<byte> buffer = read.Buffer;
            if (TryReadHead(buffer, out string[]? head, out SequencePosition end))
            {
                if (!IsHijack(head))
                {
                    input.AdvanceTo(buffer.Start);
                    await next(connection).ConfigureAwait(false);
                    return;
                }

                input.AdvanceTo(end);
                await ServeAsync(connection, head).ConfigureAwait(false);
                return;
            }

            if (read.IsCompleted || buffer.Length > MaxHeadSizeBytes)
            {
                input.AdvanceTo(buffer.Start);
                await next(connection).ConfigureAwait(false);
                return;
            }

            input.AdvanceTo(buffer.Start, buffer.End);
        }
    }

    private static bool TryReadHead(ReadOnlySequence<byte> buffer, out string[] head, out SequencePosition end)
    {
        head = [];
        SequenceReader<byte> reader = new(buffer);
        if (!reader.TryReadTo(out ReadOnlySequence<byte> bytes, "\r\n\r\n"u8))
        {
            end = default;
            return false;
        }

        end = reader.Position;
        head = Encoding.Latin1.GetString(bytes).Split("\r\n");
        return true;
    }

    private static bool IsHijack(string[] head) => head[0].StartsWith("POST ", StringComparison.Ordinal)
        && head.Skip(1).Any(line => line.StartsWith("Upgrade:", StringComparison.OrdinalIgnoreCase) && line[8..].Trim().Equals("tcp", StringComparison.OrdinalIgnoreCase));

    private async Task ServeAsync(ConnectionContext connection, string[] head)
    {
        using CancellationTokenSource aborted = new();
        DefaultHttpContext context = BuildContext(head);
        if (!await ReadBodyAsync(connection.Transport.Input, context.Request).ConfigureAwait(false))
        {
            return;
        }

        using MemoryStream body = new();
        context.Response.Body = body;
        context.RequestAborted = aborted.Token;
        Upgrade upgrade = new(connection, context.Response);
        context.Features.Set<IHttpUpgradeFeature>(upgrade);
        await handle(context).ConfigureAwait(false);
        if (!upgrade.IsUpgraded)
        {
            await WriteResponseAsync(connection.Transport.Output, context.Response, body).ConfigureAwait(false);
        }

        await connection.Transport.Output.CompleteAsync().ConfigureAwait(false);
    }

    private static DefaultHttpContext BuildContext(string[] head)
    {
        DefaultHttpContext context = new();
        string[] line = head[0].Split(' ');
        string target = line.Length > 1 ? line[1] : "/";
        int query = target.IndexOf('?', StringComparison.Ordinal);
        context.Request.Method = line[0];
        context.Request.Path = Uri.UnescapeDataString(query < 0 ? target : target[..query]);
        context.Request.QueryString = new QueryString(query < 0 ? "" : target[query..]);
        foreach (string header in head.Skip(1))
        {
            int colon = header.IndexOf(':', StringComparison.Ordinal);
            if (colon > 0)
            {
                context.Request.Headers.Append(header[..colon], header[(colon + 1)..].Trim());
            }
        }

        return context;
    }

    /// <summary>Reads a body of known length, or a chunked one; false when the client went away or sent too much.</summary>
    private static async Task<bool> ReadBodyAsync(PipeReader input, HttpRequest request)
    {
        if (request.Headers.TransferEncoding.Count > 0)
        {
            using MemoryStream chunks = new();
            while (await ReadLineAsync(input).ConfigureAwait(false) is { } sizeLine
                && int.TryParse(sizeLine.Split(';')[0], NumberStyles.HexNumber, CultureInfo.InvariantCulture, out int size) && chunks.Length + size <= MaxBodySizeBytes)
            {
                byte[]? chunk = await ReadExactlyAsync(input, size + 2).ConfigureAwait(false);
                if (chunk is null)
                {
                    return false;
                }

                chunks.Write(chunk, 0, size);
                if (size == 0)
                {
                    request.Body = new MemoryStream(chunks.ToArray());
                    return true;
                }
            }

            return false;
        }

        long length = request.ContentLength ?? 0;
        byte[]? body = length > MaxBodySizeBytes ? null : await ReadExactlyAsync(input, (int)length).ConfigureAwait(false);
        request.Body = new MemoryStream(body ?? []);
        return body is not null;
    }

    private static async Task<string?> ReadLineAsync(PipeReader input)
    {
        while (true)
        {
            ReadResult read = await input.ReadAsync().ConfigureAwait(false);
            if (read.Buffer.PositionOf((byte)'\n') is { } end)
            {
                string line = Encoding.Latin1.GetString(read.Buffer.Slice(0, end)).TrimEnd('\r');
                input.AdvanceTo(read.Buffer.GetPosition(1, end));
                return line;
            }

            input.AdvanceTo(read.Buffer.Start, read.Buffer.End);
            if (read.IsCompleted)
            {
                return null;
            }
        }
    }

    private static async Task<byte[]?> ReadExactlyAsync(PipeReader input, int length)
    {
        if (length == 0)
        {
            return [];
        }

        ReadResult read = await input.ReadAtLeastAsync(length).ConfigureAwait(false);
        if (read.Buffer.Length < length)
        {
            input.AdvanceTo(read.Buffer.End);
            return null;
        }

        byte[] bytes = read.Buffer.Slice(0, length).ToArray();
        input.AdvanceTo(read.Buffer.GetPosition(length));
        return bytes;
    }

    private static async Task WriteResponseAsync(PipeWriter output, HttpResponse response, MemoryStream body)
    {
        response.ContentLength = body.Length;
        response.Headers.Connection = "close";
        WriteHead(output, response.StatusCode, ReasonPhrases.GetReasonPhrase(response.StatusCode), response.Headers);
        output.Write(body.GetBuffer().AsSpan(0, (int)body.Length));
        await output.FlushAsync().ConfigureAwait(false);
    }

    private static void WriteHead(PipeWriter output, int status, string reason, IHeaderDictionary headers)
    {
        StringBuilder head = new();
        head.Append(CultureInfo.InvariantCulture, $"HTTP/1.1 {status} {reason}\r\n");
        foreach (var (name, value) in headers)
        {
            head.Append(CultureInfo.InvariantCulture, $"{name}: {value}\r\n");
        }

        head.Append("\r\n");
        output.Write(Encoding.Latin1.GetBytes(head.ToString()));
    }

    /// <summary>Answers 101 and gives the connection's two halves as one stream.</summary>
    private sealed class Upgrade(ConnectionContext connection, HttpResponse response) : IHttpUpgradeFeature
    {
        public bool IsUpgradableRequest => true;

        internal bool IsUpgraded { get; private set; }

        public async Task<Stream> UpgradeAsync()
        {
            IsUpgraded = true;
            WriteHead(connection.Transport.Output, StatusCodes.Status101SwitchingProtocols, "UPGRADED", response.Headers);
            await connection.Transport.Output.FlushAsync().ConfigureAwait(false);
            return new DuplexStream(connection.Transport.Input.AsStream(leaveOpen: true), connection.Transport.Output.AsStream(leaveOpen: true));
        }
    }
}
