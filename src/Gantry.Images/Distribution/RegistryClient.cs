using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using Gantry.Faults;
using Gantry.Oci;

namespace Gantry.Images.Distribution;

/// <summary>
/// Speaks the OCI distribution protocol (1.1) with one repository of one registry. Requests that fail for passing reasons are
/// repeated. For one pull or push; safe for its parallel transfers.
/// </summary>
internal sealed partial class RegistryClient
{
    private const int MaxAttempts = 4;
    // As docker: no manifest is larger.
    private const int MaxManifestBytes = 4 << 20;

    private static readonly string[] s_manifestTypes =
        [MediaTypes.OciManifest, MediaTypes.OciIndex, MediaTypes.DockerManifest, MediaTypes.DockerManifestList];

    // One pool of connections for the process; proxies are taken from the environment.
    private static readonly HttpClient s_http = new(new SocketsHttpHandler
    {
        ConnectTimeout = TimeSpan.FromSeconds(15),
        PooledConnectionIdleTimeout = TimeSpan.FromSeconds(30),
        PooledConnectionLifetime = TimeSpan.FromMinutes(10),
    })
    {
        Timeout = Timeout.InfiniteTimeSpan,
    };

    private readonly Uri _base;
    private readonly ImageReference _reference;
    private readonly RegistryAuthenticator _authenticator;
    private string _scope;

    public RegistryClient(RegistryEndpoint endpoint, ImageReference reference, RegistryCredentials? credentials, bool forPush)
    {
        _base = endpoint.BaseUri;
        _reference = reference;
        _authenticator = new RegistryAuthenticator(s_http, credentials);
        _scope = $"repository:{reference.Path}:{(forPush ? "pull,push" : "pull")}";
    }

    private string Repository => $"v2/{_reference.Path}";

    /// <summary>Lets the token cover the repository that blobs are mounted from.</summary>
    public void AlsoPullFrom(string repository) => _scope = $"{_scope} repository:{repository}:pull";

    /// <summary>A manifest by tag or digest, verified when it is a digest.</summary>
    public async Task<(Descriptor Descriptor, byte[] Content)> GetManifestAsync(string tagOrDigest, CancellationToken cancellationToken)
    {
        using var response = await SendAsync(
            () =>
            {
                var request = new HttpRequestMessage(HttpMethod.Get, new Uri(_base, $"{Repository}/manifests/{tagOrDigest}"));
                foreach (var type in s_manifestTypes)
                {
                    request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue(type));
                }
                return request;
            },
            cancellationToken).ConfigureAwait(false);
        await ThrowUnlessSuccessAsync(response, $"manifest for {_reference.Familiar}", cancellationToken).ConfigureAwait(false);
        var content = await ReadLimitedAsync(response, MaxManifestBytes, cancellationToken).ConfigureAwait(false);
        if (Digest.TryParse(tagOrDigest, out var expected) && !expected.Verify(content))
        {
            throw new FaultException(FaultKind.DataLoss, $"manifest verification failed for digest {expected}");
        }
        var mediaType = response.Content.Headers.ContentType?.MediaType;
        var descriptor = new Descriptor
        {
            MediaType = MediaTypes.IsIndex(mediaType) || MediaTypes.IsManifest(mediaType) ? mediaType! : MediaTypeIn(content),
            Digest = expected.IsEmpty ? Digest.OfBytes(content) : expected,
            Size = content.Length,
        };
        return (descriptor, content);
    }

    /// <summary>
    /// Opens a blob from an offset. <c>Offset</c> in the result is where the content starts: zero when the server does not do
    /// ranges.
    /// </summary>
    public async Task<(Stream Content, long Offset)> OpenBlobAsync(Digest digest, long offset, CancellationToken cancellationToken)
    {
        var response = await SendAsync(
            () =>
            {
                var request = new HttpRequestMessage(HttpMethod.Get, new Uri(_base, $"{Repository}/blobs/{digest}"));
                if (offset > 0)
                {
                    request.Headers.Range = new RangeHeaderValue(offset, null);
                }
                return request;
            },
            cancellationToken).ConfigureAwait(false);
        await ThrowUnlessSuccessAsync(response, $"blob {digest}", cancellationToken).ConfigureAwait(false);
        var start = response.StatusCode == HttpStatusCode.PartialContent ? response.Content.Headers.ContentRange?.From ?? offset : 0;
        return (await response.Content.ReadAsStreamAsync(cancellationToken).ConfigureAwait(false), start);
    }

    private static string MediaTypeIn(byte[] content)
    {
        try
        {
            using var json = JsonDocument.Parse(content);
            var root = json.RootElement;
            return root.TryGetProperty("mediaType", out var type) && type.GetString() is { Length: > 0 } text ? text
                : root.TryGetProperty("manifests", out _) ? MediaTypes.OciIndex
                : root.TryGetProperty("config", out _) ? MediaTypes.OciManifest
                : throw new FaultException(FaultKind.InvalidArgument, "unsupported manifest: schema 1 images must be pushed again by a current tool");
        }
        catch (JsonException error)
        {
            throw new FaultException(FaultKind.InvalidArgument, $"the manifest is not valid JSON: {error.Message}", error);
        }
    }

    private static async Task<byte[]> ReadLimitedAsync(HttpResponseMessage response, int limit, CancellationToken cancellationToken)
    {
        await using var stream = await response.Content.ReadAsStreamAsync(cancellationToken).ConfigureAwait(false);
        var content = new MemoryStream();
        var buffer = new byte[16 * 1024];
        int read;
        while ((read = await stream.ReadAsync(buffer, cancellationToken).ConfigureAwait(false)) > 0)
        {
            content.Write(buffer, 0, read);
            if (content.Length > limit)
            {
                throw new FaultException(FaultKind.InvalidArgument, $"the registry's answer is longer than {limit} bytes");
            }
        }
        return content.ToArray();
    }

    // Sends with authentication; connection failures and answers that ask for patience are repeated with growing pauses.
    private async Task<HttpResponseMessage> SendAsync(Func<HttpRequestMessage> make, CancellationToken cancellationToken, int attempts = MaxAttempts)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                var response = await SendAuthenticatedAsync(make, cancellationToken).ConfigureAwait(false);
                var passing = (int)response.StatusCode is 408 or 429 or 500 or 502 or 503 or 504;
                if (!passing || attempt >= attempts)
                {
                    return response;
                }
                response.Dispose();
            }
            catch (HttpRequestException error) when (attempt >= attempts || IsPermanent(error))
            {
                using var request = make();
                throw new FaultException(FaultKind.Unavailable, $"{Title(request.Method)} \"{request.RequestUri}\": {Reason(error)}", error);
            }
            catch (HttpRequestException)
            {
                // Repeated below.
            }
            await Task.Delay(TimeSpan.FromMilliseconds(200 << attempt), cancellationToken).ConfigureAwait(false);
        }
    }

    private async Task<HttpResponseMessage> SendAuthenticatedAsync(Func<HttpRequestMessage> make, CancellationToken cancellationToken)
    {
        for (var round = 0; ; round++)
        {
            using var request = make();
            var header = _authenticator.Header;
            request.Headers.Authorization = header;
            request.Headers.UserAgent.ParseAdd("gantry/0.1");
            var response = await s_http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken).ConfigureAwait(false);
            if (response.StatusCode != HttpStatusCode.Unauthorized || round == 2
                || !await _authenticator.AnswerAsync(Challenges(response), header, _scope, cancellationToken).ConfigureAwait(false))
            {
                return response;
            }
            response.Dispose();
        }
    }

    // The typed header loses commas inside quoted parameters.
    private static IEnumerable<string> Challenges(HttpResponseMessage response) =>
        response.Headers.NonValidated.TryGetValues("WWW-Authenticate", out var values) ? values.ToArray() : [];

    // A refused connection or an unknown name does not change within seconds.
    private static bool IsPermanent(HttpRequestException error) =>
        error.HttpRequestError is HttpRequestError.NameResolutionError or HttpRequestError.SecureConnectionError
        || error.InnerException is System.Net.Sockets.SocketException { SocketErrorCode: System.Net.Sockets.SocketError.ConnectionRefused };

    private static string Reason(HttpRequestException error) => error.InnerException switch
    {
        System.Net.Sockets.SocketException { SocketErrorCode: System.Net.Sockets.SocketError.ConnectionRefused } => "dial tcp: connect: connection refused",
        { } inner when error.HttpRequestError == HttpRequestError.NameResolutionError => $"dial tcp: lookup failed: {inner.Message}",
        { } inner => inner.Message,
        null => error.Message,
    };

    private static string Title(HttpMethod method) => method.Method[..1] + method.Method[1..].ToLowerInvariant();

    private async Task ThrowUnlessSuccessAsync(HttpResponseMessage response, string what, CancellationToken cancellationToken)
    {
        if (response.IsSuccessStatusCode)
        {
            return;
        }
        RegistryError? error = null;
        try
        {
            var body = await ReadLimitedAsync(response, 64 * 1024, cancellationToken).ConfigureAwait(false);
            error = ImagesJson.Deserialize<RegistryErrors>(body).Errors?.FirstOrDefault();
        }
        catch (Exception failure) when (failure is JsonException or FaultException)
        {
            // The body is no error of the protocol; the status says enough.
        }
        var status = response.StatusCode;
        response.Dispose();
        var words = error is null ? "" : $": {error.Code?.ToLowerInvariant().Replace('_', ' ')}: {error.Message}";
        throw status switch
        {
            HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden => new FaultException(FaultKind.PermissionDenied,
                $"pull access denied for {_reference.FamiliarName}, repository does not exist or may require 'docker login'{words}"),
            HttpStatusCode.NotFound when error?.Code == "NAME_UNKNOWN" => new FaultException(FaultKind.NotFound, $"repository {_reference.FamiliarName} not found{words}"),
            HttpStatusCode.NotFound => new FaultException(FaultKind.NotFound, $"{what} not found{words}"),
            HttpStatusCode.TooManyRequests => new FaultException(FaultKind.ResourceExhausted, $"toomanyrequests{words}"),
            >= HttpStatusCode.InternalServerError => new FaultException(FaultKind.Unavailable,
                $"received unexpected HTTP status: {(int)status} {response.ReasonPhrase}{words}"),
            _ => new FaultException(FaultKind.InvalidArgument, $"{what}: the registry answered {(int)status} {response.ReasonPhrase}{words}"),
        };
    }
}
