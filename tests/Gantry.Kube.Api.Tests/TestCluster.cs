using System.Net;
using System.Security.Cryptography.X509Certificates;
using Gantry.Kube.Api.Authentication;
using Gantry.Kube.Client;
using Gantry.Store;
using Gantry.Store.Sqlite;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Gantry.Kube.Api.Tests;

/// <summary>A store, an API server and Kestrel with TLS on a free loopback port, in a directory of their own.</summary>
public sealed class TestCluster : IAsyncDisposable
{
    private readonly WebApplication _web;
    private readonly ClusterCertificates _certificates;

    private TestCluster(string directory, IStore store, ClusterCertificates certificates, KubeApiServer server, WebApplication web)
    {
        Root = directory;
        Store = store;
        _certificates = certificates;
        Server = server;
        _web = web;
    }

    public string Root { get; }

    public IStore Store { get; }

    public KubeApiServer Server { get; }

    public IKubeClient Client => Server.CreateClient("system:test");

    public Uri Address { get; private set; } = null!;

    public ClusterCertificates Certificates => _certificates;

    public string Kubeconfig => Path.Combine(Root, "kubeconfig");

    public static async Task<TestCluster> StartAsync(int port = 0, string? root = null, KubeApiOptions? options = null, IStore? store = null)
    {
        root ??= Directory.CreateTempSubdirectory("kube-api-test-").FullName;
        Directory.CreateDirectory(root);
        store ??= SqliteStore.Open(new SqliteStoreOptions(Path.Combine(root, "store.db")));
        var certificates = ClusterCertificates.Open(Path.Combine(root, "pki"), ["localhost", "kubernetes"], [IPAddress.Loopback]);
        var server = new KubeApiServer(store, certificates, options);
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Logging.ClearProviders();
        builder.Services.AddRoutingCore();
        builder.WebHost.UseKestrelCore().UseKestrelHttpsConfiguration().ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, port, listen => listen.UseHttps(https =>
        {
            https.ServerCertificate = certificates.Serving;
            https.ClientCertificateMode = ClientCertificateMode.AllowCertificate;
            https.ClientCertificateValidation = static (_, _, _) => true;
        })));
        var web = builder.Build();
        web.Run(server.HandleAsync);
        await web.StartAsync();
        var cluster = new TestCluster(root, store, certificates, server, web)
        {
            Address = new Uri(web.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First().Replace("https://127.0.0.1", "https://localhost", StringComparison.Ordinal)),
        };
        await server.BootstrapAsync(6443);
        await File.WriteAllTextAsync(cluster.Kubeconfig, cluster.MakeKubeconfig(certificates.Admin));
        return cluster;
    }

    /// <summary>An HTTP client that presents a certificate, or none.</summary>
    public HttpClient Http(X509Certificate2? certificate = null)
    {
        var handler = new SocketsHttpHandler();
        handler.SslOptions.RemoteCertificateValidationCallback = static (_, _, _, _) => true;
        if (certificate is not null)
        {
            // A key in memory only cannot be used by TLS everywhere; PKCS#12 can.
            handler.SslOptions.ClientCertificates = [X509CertificateLoader.LoadPkcs12(certificate.Export(X509ContentType.Pkcs12), null)];
        }

        return new HttpClient(handler) { BaseAddress = Address };
    }

    public HttpClient Admin() => Http(_certificates.Admin);

    public string MakeKubeconfig(X509Certificate2 user)
    {
        var key = user.GetECDsaPrivateKey()!.ExportPkcs8PrivateKeyPem();
        return $$"""
            apiVersion: v1
            kind: Config
            clusters:
            - name: test
              cluster:
                server: {{Address}}
                certificate-authority-data: {{Base64(_certificates.AuthorityPem)}}
            users:
            - name: admin
              user:
                client-certificate-data: {{Base64(user.ExportCertificatePem())}}
                client-key-data: {{Base64(key)}}
            contexts:
            - name: test
              context: { cluster: test, user: admin }
            current-context: test
            """;
    }

    public async ValueTask DisposeAsync()
    {
        using var stop = new CancellationTokenSource(TimeSpan.FromSeconds(2));
        await _web.StopAsync(stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await Server.DisposeAsync();
        await Store.DisposeAsync();
        await _web.DisposeAsync();
        _certificates.Dispose();
        Directory.Delete(Root, recursive: true);
    }

    private static string Base64(string text) => Convert.ToBase64String(System.Text.Encoding.UTF8.GetBytes(text));
}
