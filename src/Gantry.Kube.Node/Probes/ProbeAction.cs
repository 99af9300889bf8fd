using System.Buffers.Binary;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using Gantry.Faults;
using Gantry.Kube.Model;
using Gantry.Kube.Model.Core.V1;
using Gantry.Kube.Node.Runtime;

namespace Gantry.Kube.Node.Probes;

/// <summary>One execution of a probe or of an HTTP lifecycle hook, in kubelet's rules and words.</summary>
internal sealed class ProbeAction : IDisposable
{
    private readonly IPodRuntime _runtime;

    // One connection a probe: a pod that stops answering must not be hidden by an old connection. Certificates are not
    // checked, as with kubelet: the probe asks whether the container answers, not who it is.
    private readonly HttpClient _http = new(new SocketsHttpHandler
    {
        PooledConnectionLifetime = TimeSpan.Zero,
        AllowAutoRedirect = false,
        UseProxy = false,
        UseCookies = false,
        SslOptions = { RemoteCertificateValidationCallback = (_, _, _, _) => true },
    })
    { Timeout = Timeout.InfiniteTimeSpan };

    public ProbeAction(IPodRuntime runtime) => _runtime = runtime;

    /// <summary>Runs the probe: success and what to say when it failed.</summary>
    public async Task<(bool Succeeded, string Message)> RunAsync(Probe probe, Container container, string containerId, string podAddress, CancellationToken cancellationToken)
    {
        var timeout = TimeSpan.FromSeconds(Math.Max(1, probe.TimeoutSeconds ?? 1));
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(timeout);
        try
        {
            if (probe.Exec is { } exec)
            {
                var outcome = await _runtime.RunAsync(containerId, exec.Command ?? [], timeout, cancellationToken).ConfigureAwait(false);
                return (outcome.ExitCode == 0, outcome.Output);
            }

            if (probe.HttpGet is { } get)
            {
                return await GetAsync(get, container, podAddress, deadline.Token).ConfigureAwait(false);
            }

            if (probe.TcpSocket is { } tcp)
            {
                return await ConnectAsync(string.IsNullOrEmpty(tcp.Host) ? podAddress : tcp.Host, PortOf(container, tcp.Port), deadline.Token).ConfigureAwait(false);
            }

            return probe.Grpc is { } grpc
                ? await CheckHealthAsync(grpc, podAddress, deadline.Token).ConfigureAwait(false)
                : (true, "");
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return (false, probe.Exec is null ? "context deadline exceeded (Client.Timeout exceeded while awaiting headers)" : $"command timed out after {timeout.TotalSeconds:0}s");
        }
        catch (FaultException fault)
        {
            return (false, fault.Message);
        }
    }

    /// <summary>GETs as an httpGet action asks; success is a status from 200 to 399.</summary>
    public async Task<(bool Succeeded, string Message)> GetAsync(HTTPGetAction get, Container container, string podAddress, CancellationToken cancellationToken)
    {
        var scheme = (get.Scheme ?? "HTTP").ToLowerInvariant();
        var host = string.IsNullOrEmpty(get.Host) ? podAddress : get.Host;
        var path = string.IsNullOrEmpty(get.Path) ? "/" : get.Path.StartsWith('/') ? get.Path : "/" + get.Path;
        var url = $"{scheme}://{host}:{PortOf(container, get.Port)}{path}";
        using var request = new HttpRequestMessage(HttpMethod.Get, url);
        request.Headers.TryAddWithoutValidation("User-Agent", "kube-probe/1.32");
        request.Headers.TryAddWithoutValidation("Accept", "*/*");
        request.Headers.ConnectionClose = true;
        foreach (var header in get.HttpHeaders ?? [])
        {
            if (!header.Name.Equals("Host", StringComparison.OrdinalIgnoreCase))
            {
                request.Headers.Remove(header.Name);
                request.Headers.TryAddWithoutValidation(header.Name, header.Value);
            }
            else
            {
                request.Headers.Host = header.Value;
            }
        }

        try
        {
            using var response = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken).ConfigureAwait(false);
            var code = (int)response.StatusCode;
            return code is >= 200 and < 400 ? (true, "") : (false, $"HTTP probe failed with statuscode: {code}");
        }
        catch (HttpRequestException failure)
        {
            return (false, $"Get \"{url}\": {Describe(failure, host, PortOf(container, get.Port))}");
        }
    }

    public void Dispose() => _http.Dispose();

    private static async Task<(bool Succeeded, string Message)> ConnectAsync(string host, int port, CancellationToken cancellationToken)
    {
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        try
        {
            await socket.ConnectAsync(host, port, cancellationToken).ConfigureAwait(false);
            return (true, "");
        }
        catch (SocketException failure)
        {
            return (false, $"dial tcp {host}:{port}: connect: {failure.Message.ToLowerInvariant()}");
        }
    }

    /// <summary>grpc.health.v1.Health/Check over HTTP/2 without TLS: healthy is status SERVING (1).</summary>
    private async Task<(bool Succeeded, string Message)> CheckHealthAsync(GRPCAction grpc, string host, CancellationToken cancellationToken)
    {
        var service = System.Text.Encoding.UTF8.GetBytes(grpc.Service ?? "");
        var message = service.Length == 0 ? [] : (byte[])[0x0a, (byte)service.Length, .. service];
        var frame = new byte[5 + message.Length];
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(1), message.Length);
        message.CopyTo(frame, 5);
        using var request = new HttpRequestMessage(HttpMethod.Post, $"http://{host}:{grpc.Port}/grpc.health.v1.Health/Check")
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = new ByteArrayContent(frame) { Headers = { ContentType = new MediaTypeHeaderValue("application/grpc") } },
        };
        request.Headers.TE.Add(new TransferCodingWithQualityHeaderValue("trailers"));
        try
        {
            using var response = await _http.SendAsync(request, cancellationToken).ConfigureAwait(false);
            var body = await response.Content.ReadAsByteArrayAsync(cancellationToken).ConfigureAwait(false);
            return body is [_, _, _, _, 2, 0x08, 1] ? (true, "") : (false, "service unhealthy (responded with \"NOT_SERVING\")");
        }
        catch (HttpRequestException failure)
        {
            return (false, $"timeout: failed to connect service \"{host}:{grpc.Port}\": {failure.Message}");
        }
    }

    private static int PortOf(Container container, IntOrString port)
    {
        if (!port.IsString)
        {
            return port.Number;
        }

        return container.Ports?.Find(candidate => candidate.Name == port.Text)?.ContainerPortValue
            ?? (int.TryParse(port.Text, System.Globalization.CultureInfo.InvariantCulture, out var number) ? number : throw new FaultException(FaultKind.InvalidArgument, $"couldn't find port: {port.Text} in container {container.Name}"));
    }

    private static string Describe(HttpRequestException failure, string host, int port) => failure.InnerException switch
    {
        SocketException { SocketErrorCode: SocketError.ConnectionRefused } => $"dial tcp {host}:{port}: connect: connection refused",
        SocketException { SocketErrorCode: SocketError.HostUnreachable } => $"dial tcp {host}:{port}: connect: no route to host",
        HttpIOException { HttpRequestError: HttpRequestError.ResponseEnded } => "EOF",
        { } inner => inner.Message,
        null => failure.Message,
    };
}
