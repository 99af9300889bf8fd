using System.Globalization;
using Gantry.Images;
using Gantry.Oci;
using Microsoft.AspNetCore.Http;

namespace Gantry.Registry;

/// <summary>Reading and unlinking blobs.</summary>
internal sealed class BlobEndpoints(ImageService images)
{
    public async Task GetAsync(HttpContext context, string name, string reference)
    {
        var digest = ParseDigest(reference);
        if (images.Repositories.TryGet(name) is not { } repository)
        {
            throw RegistryException.NameUnknown(name);
        }
        if (!repository.Blobs.ContainsKey(digest) || !images.Content.Contains(digest))
        {
            throw RegistryException.BlobUnknown(reference);
        }
        await using var blob = images.Content.OpenRead(digest);
        var response = context.Response;
        response.ContentType = "application/octet-stream";
        response.Headers["Docker-Content-Digest"] = digest.Value;
        response.Headers.ETag = $"\"{digest}\"";
        response.Headers.AcceptRanges = "bytes";
        var (start, end) = Range(context, blob.Length);
        response.ContentLength = end - start;
        if (HttpMethods.IsHead(context.Request.Method))
        {
            return;
        }
        blob.Position = start;
        await CopyAsync(blob, response.Body, end - start, context.RequestAborted).ConfigureAwait(false);
    }

    public async Task DeleteAsync(HttpContext context, string name, string reference)
    {
        if (!await images.Repositories.UnlinkBlobAsync(name, ParseDigest(reference), context.RequestAborted).ConfigureAwait(false))
        {
            throw RegistryException.BlobUnknown(reference);
        }
        context.Response.StatusCode = StatusCodes.Status202Accepted;
    }

    public static Digest ParseDigest(string text) => Digest.TryParse(text, out var digest)
        ? digest
        : throw new RegistryException(400, "DIGEST_INVALID", "invalid checksum digest format", text);

    // One range of bytes (RFC 9110, section 14); anything else that is well-formed is answered with the whole blob.
    private static (long Start, long End) Range(HttpContext context, long length)
    {
        var header = context.Request.Headers.Range.ToString();
        if (!header.StartsWith("bytes=", StringComparison.Ordinal) || header.Contains(',', StringComparison.Ordinal))
        {
            return (0, length);
        }
        var range = header[6..].Split('-');
        if (range.Length != 2 || !TryNumber(range[0], out var first) || !TryNumber(range[1], out var last) || (first is null && last is null))
        {
            return (0, length);
        }
        var start = first ?? Math.Max(0, length - last!.Value);
        var end = first is null || last is null ? length : Math.Min(length, last.Value + 1);
        if (start >= end)
        {
            context.Response.Headers.ContentRange = $"bytes */{length}";
            throw new RegistryException(416, "RANGE_INVALID", "invalid content range", header);
        }
        context.Response.StatusCode = StatusCodes.Status206PartialContent;
        context.Response.Headers.ContentRange = string.Create(CultureInfo.InvariantCulture, $"bytes {start}-{end - 1}/{length}");
        return (start, end);
    }

    private static bool TryNumber(string text, out long? number)
    {
        number = null;
        if (text.Length == 0)
        {
            return true;
        }
        if (!long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var value))
        {
            return false;
        }
        number = Math.Min(value, long.MaxValue - 1);
        return true;
    }

    private static async Task CopyAsync(Stream from, Stream to, long count, CancellationToken cancellationToken)
    {
        var buffer = new byte[128 * 1024];
        while (count > 0)
        {
            var read = await from.ReadAsync(buffer.AsMemory(0, (int)Math.Min(count, buffer.Length)), cancellationToken).ConfigureAwait(false);
            if (read == 0)
            {
                throw new EndOfStreamException("a blob became shorter");
            }
            await to.WriteAsync(buffer.AsMemory(0, read), cancellationToken).ConfigureAwait(false);
            count -= read;
        }
    }
}
