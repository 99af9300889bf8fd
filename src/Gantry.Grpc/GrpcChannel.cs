using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using Google.Protobuf;

namespace Gantry.Grpc;

/// <summary>
/// Calls one server. Connections are opened when needed, shared by calls, and probed while calls wait. All members may be
/// called from any thread. Failures are <see cref="GrpcException"/>.
/// </summary>
public sealed class GrpcChannel : IDisposable
{
    private readonly HttpClient _http;

    /// <summary>Prepares the channel; nothing is connected yet.</summary>
    public GrpcChannel(GrpcChannelOptions options)
    {
        Address = options.Address;
        var handler = new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseProxy = false,
            UseCookies = false,
            AutomaticDecompression = DecompressionMethods.None,
            ConnectTimeout = options.ConnectTimeout,
            EnableMultipleHttp2Connections = true,
            KeepAlivePingDelay = options.KeepAlive,
            KeepAlivePingTimeout = TimeSpan.FromSeconds(5),
            KeepAlivePingPolicy = HttpKeepAlivePingPolicy.WithActiveRequests,
            // The default window of 64 kB would make a large range wait for an acknowledgement every 64 kB.
            InitialHttp2StreamWindowSize = 4 << 20,
        };
        ConfigureTls(handler.SslOptions, options);
        _http = new HttpClient(handler) { Timeout = Timeout.InfiniteTimeSpan };
        foreach (var (name, value) in options.Metadata)
        {
            _http.DefaultRequestHeaders.Add(name, value);
        }
    }

    /// <summary>The server's address.</summary>
    public Uri Address { get; }

    /// <summary>Makes a unary call. Throws DeadlineExceeded when no answer comes in time.</summary>
    public async Task<TResponse> CallAsync<TRequest, TResponse>(
        GrpcMethod<TRequest, TResponse> method, TRequest request, TimeSpan timeout, CancellationToken cancellationToken)
        where TRequest : IMessage<TRequest>
        where TResponse : class, IMessage<TResponse>
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        patience.CancelAfter(timeout);
        using var message = NewRequest(Address, method.Path, new ReadOnlyMemoryContent(MessageFrame.Encode(request)));
        message.Headers.TryAddWithoutValidation("grpc-timeout", string.Create(CultureInfo.InvariantCulture, $"{(long)timeout.TotalMilliseconds}m"));
        try
        {
            using var response = await SendAsync(message, patience.Token).ConfigureAwait(false);
            GrpcStatus.CheckHead(response);
            var body = await response.Content.ReadAsStreamAsync(patience.Token).ConfigureAwait(false);
            await using (body.ConfigureAwait(false))
            {
                var answer = await MessageFrame.ReadAsync(body, method.Parser, patience.Token).ConfigureAwait(false);
                // The trailers are there once the body has been read to its end.
                var more = answer is null ? null : await MessageFrame.ReadAsync(body, method.Parser, patience.Token).ConfigureAwait(false);
                GrpcStatus.CheckEnd(response);
                return answer is not null && more is null
                    ? answer
                    : throw new GrpcException(GrpcStatusCode.Internal, $"{method.Path} was answered with {(answer is null ? "no message" : "several messages")}");
            }
        }
        catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
        {
            throw new GrpcException(GrpcStatusCode.DeadlineExceeded, $"{Address.Authority} did not answer within {timeout.TotalSeconds:0.#} s", e);
        }
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            throw ToStatus(e);
        }
    }

    /// <summary>Starts a call that streams in both directions. Dispose it to end it.</summary>
    public GrpcStream<TRequest, TResponse> Open<TRequest, TResponse>(GrpcMethod<TRequest, TResponse> method)
        where TRequest : IMessage<TRequest>
        where TResponse : class, IMessage<TResponse> => new(this, method);

    /// <inheritdoc/>
    public void Dispose() => _http.Dispose();

    internal static HttpRequestMessage NewRequest(Uri address, string path, HttpContent content)
    {
        content.Headers.ContentType = new MediaTypeHeaderValue("application/grpc");
        var message = new HttpRequestMessage(HttpMethod.Post, new Uri(address, path))
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = content,
        };
        message.Headers.TE.Add(new TransferCodingWithQualityHeaderValue("trailers"));
        return message;
    }

    /// <summary>Sends a request. A channel that was closed meanwhile is a server that cannot be reached, not a mistake of the caller.</summary>
    internal async Task<HttpResponseMessage> SendAsync(HttpRequestMessage message, CancellationToken cancellationToken)
    {
        try
        {
            return await _http.SendAsync(message, HttpCompletionOption.ResponseHeadersRead, cancellationToken).ConfigureAwait(false);
        }
        catch (ObjectDisposedException e)
        {
            throw new GrpcException(GrpcStatusCode.Unavailable, $"{Address.Authority}: the connection was closed", e) { WasNeverSent = true };
        }
    }

    internal GrpcException ToStatus(Exception e)
    {
        var request = e as HttpRequestException;
        var neverSent = request?.HttpRequestError is HttpRequestError.ConnectionError or HttpRequestError.NameResolutionError or HttpRequestError.SecureConnectionError;
        var reason = (e.InnerException ?? e).Message;
        return e.InnerException is AuthenticationException
            ? new GrpcException(GrpcStatusCode.Unauthenticated, $"{Address.Authority}: {reason}", e) { WasNeverSent = true }
            : new GrpcException(GrpcStatusCode.Unavailable, $"{Address.Authority}: {reason}", e) { WasNeverSent = neverSent };
    }

    private static void ConfigureTls(SslClientAuthenticationOptions tls, GrpcChannelOptions options)
    {
        if (options.ClientCertificate is { } certificate)
        {
            tls.ClientCertificates = [certificate];
            tls.LocalCertificateSelectionCallback = (_, _, _, _, _) => certificate;
        }

        if (options.Authorities is { } authorities)
        {
            tls.CertificateChainPolicy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
            tls.CertificateChainPolicy.CustomTrustStore.AddRange(authorities);
        }
    }
}
