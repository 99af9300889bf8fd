using System.Net;
using System.Net.Http.Headers;
using Gantry.Faults;
using Gantry.Oci;

namespace Gantry.Images.Distribution;

internal sealed partial class RegistryClient
{
    /// <summary>Whether the repository has a blob.</summary>
    public async Task<bool> HasBlobAsync(Digest digest, CancellationToken cancellationToken)
    {
        using var response = await SendAsync(
            () => new HttpRequestMessage(HttpMethod.Head, new Uri(_base, $"{Repository}/blobs/{digest}")), cancellationToken).ConfigureAwait(false);
        if (response.StatusCode == HttpStatusCode.NotFound)
        {
            return false;
        }
        if (response.StatusCode is HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden)
        {
            throw new FaultException(FaultKind.PermissionDenied, "denied: requested access to the resource is denied");
        }
        return response.IsSuccessStatusCode;
    }

    /// <summary>
    /// Begins an upload. With <paramref name="mountFrom"/> the registry may take the blob from another repository of its own:
    /// then the result is null and the blob is there.
    /// </summary>
    public async Task<Uri?> StartUploadAsync(Digest digest, string? mountFrom, CancellationToken cancellationToken)
    {
        var query = mountFrom is null ? "" : $"?mount={digest}&from={Uri.EscapeDataString(mountFrom)}";
        using var response = await SendAsync(
            () => new HttpRequestMessage(HttpMethod.Post, new Uri(_base, $"{Repository}/blobs/uploads/{query}")) { Content = new ByteArrayContent([]) },
            cancellationToken).ConfigureAwait(false);
        if (response.StatusCode is HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden)
        {
            throw new FaultException(FaultKind.PermissionDenied, "denied: requested access to the resource is denied");
        }
        await ThrowUnlessSuccessAsync(response, $"upload of {digest}", cancellationToken).ConfigureAwait(false);
        return response.StatusCode == HttpStatusCode.Created ? null : Location(response);
    }

    /// <summary>Sends a blob in one request and completes the upload.</summary>
    public async Task UploadAsync(Uri location, Digest digest, Func<Stream> open, long size, Action<long> progress, CancellationToken cancellationToken)
    {
        var separator = location.Query.Length > 0 ? "&" : "?";
        var target = new Uri($"{location.AbsoluteUri}{separator}digest={Uri.EscapeDataString(digest.Value)}");
        using var response = await SendAsync(
            () =>
            {
                var content = new StreamContent(new ProgressStream(open(), progress), 128 * 1024);
                content.Headers.ContentType = new MediaTypeHeaderValue("application/octet-stream");
                content.Headers.ContentLength = size;
                return new HttpRequestMessage(HttpMethod.Put, target) { Content = content };
            },
            cancellationToken, attempts: 1).ConfigureAwait(false);
        await ThrowUnlessSuccessAsync(response, $"upload of {digest}", cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Puts a manifest under a tag or its digest.</summary>
    public async Task PutManifestAsync(string tagOrDigest, string mediaType, byte[] content, CancellationToken cancellationToken)
    {
        using var response = await SendAsync(
            () =>
            {
                var body = new ByteArrayContent(content);
                body.Headers.ContentType = new MediaTypeHeaderValue(mediaType);
                return new HttpRequestMessage(HttpMethod.Put, new Uri(_base, $"{Repository}/manifests/{tagOrDigest}")) { Content = body };
            },
            cancellationToken).ConfigureAwait(false);
        await ThrowUnlessSuccessAsync(response, $"manifest for {_reference.Familiar}", cancellationToken).ConfigureAwait(false);
    }

    private Uri Location(HttpResponseMessage response) => response.Headers.Location is { } location
        ? new Uri(response.RequestMessage?.RequestUri ?? _base, location)
        : throw new FaultException(FaultKind.Unavailable, "the registry accepted an upload without saying where it goes");
}
