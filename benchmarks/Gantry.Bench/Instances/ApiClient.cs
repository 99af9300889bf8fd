using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace Gantry.Bench.Instances;

/// <summary>HTTPS to the Kubernetes API with the kubeconfig's client certificate.</summary>
internal sealed class ApiClient : IDisposable
{
    private readonly HttpClient _http;
    private readonly X509Certificate2 _certificate;

    /// <summary>With <paramref name="multiplexed"/> HTTP/2, as client-go does; else HTTP/1.1 with one connection a request in flight.</summary>
    public ApiClient(GantryInstance instance, bool multiplexed, int connections)
    {
        var lines = File.ReadAllLines(instance.Kubeconfig).Select(line => line.Trim()).ToList();
        string Value(string key) => lines.First(line => line.StartsWith(key + ": ", StringComparison.Ordinal))[(key.Length + 2)..];
        string Pem(string key) => Encoding.UTF8.GetString(Convert.FromBase64String(Value(key)));
        _certificate = X509Certificate2.CreateFromPem(Pem("client-certificate-data"), Pem("client-key-data"));
        var authority = X509Certificate2.CreateFromPem(Pem("certificate-authority-data"));
        var handler = new SocketsHttpHandler { MaxConnectionsPerServer = connections, EnableMultipleHttp2Connections = true };
        handler.SslOptions.ClientCertificates = [_certificate];
        handler.SslOptions.LocalCertificateSelectionCallback = (_, _, _, _, _) => _certificate;
        handler.SslOptions.CertificateChainPolicy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck, CustomTrustStore = { authority } };
        _http = new HttpClient(handler)
        {
            BaseAddress = new Uri(Value("server")),
            DefaultRequestVersion = multiplexed ? HttpVersion.Version20 : HttpVersion.Version11,
            DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Timeout = TimeSpan.FromSeconds(120),
        };
    }

    /// <summary>Creates an object; fails with the server's words.</summary>
    public async Task PostAsync(string path, string json, CancellationToken cancellationToken = default)
    {
        using var content = Json(json);
        using var response = await _http.PostAsync(new Uri(path, UriKind.Relative), content, cancellationToken);
        await CheckAsync(response, path);
    }

    /// <summary>Replaces an object; fails with the server's words.</summary>
    public async Task PutAsync(string path, string json)
    {
        using var content = Json(json);
        using var response = await _http.PutAsync(new Uri(path, UriKind.Relative), content);
        await CheckAsync(response, path);
    }

    /// <summary>Reads an answer to its end.</summary>
    public async Task<byte[]> GetAsync(string path)
    {
        using var response = await _http.GetAsync(new Uri(path, UriKind.Relative));
        await CheckAsync(response, path);
        return await response.Content.ReadAsByteArrayAsync();
    }

    /// <summary>Opens a watch; the lines come as the server sends them.</summary>
    public async Task<StreamReader> WatchAsync(string path)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path) { Version = _http.DefaultRequestVersion, VersionPolicy = _http.DefaultVersionPolicy };
        var response = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        await CheckAsync(response, path);
        return new StreamReader(await response.Content.ReadAsStreamAsync());
    }

    public void Dispose()
    {
        _http.Dispose();
        _certificate.Dispose();
    }

    private static ByteArrayContent Json(string json) =>
        new(Encoding.UTF8.GetBytes(json)) { Headers = { ContentType = new MediaTypeHeaderValue("application/json") } };

    private static async Task CheckAsync(HttpResponseMessage response, string path)
    {
        if (!response.IsSuccessStatusCode)
        {
            throw new BenchException($"{path} answered {(int)response.StatusCode}: {await response.Content.ReadAsStringAsync()}");
        }
    }
}
