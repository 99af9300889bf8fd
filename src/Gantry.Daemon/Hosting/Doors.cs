using System.Security.Cryptography.X509Certificates;
using Gantry.Daemon.Configuration;
using Gantry.Docker;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.Extensions.Logging;

namespace Gantry.Daemon.Hosting;

/// <summary>
/// The listeners of the process: the Docker API and the control API on unix sockets, the registry and the Kubernetes API on
/// TCP. One Kestrel serves them all; each connection carries its door's handler.
/// </summary>
internal sealed class Doors : IAsyncDisposable
{
    private const string HandlerKey = "gantry.handler";
    private readonly WebApplication _application;
    private bool _closed;

    private Doors(WebApplication application) => _application = application;

    /// <summary>Starts listening. Fails with the address when one is taken.</summary>
    public static async Task<Doors> OpenAsync(
        DaemonOptions options,
        X509Certificate2 certificate,
        RequestDelegate docker,
        RequestDelegate control,
        RequestDelegate registry,
        RequestDelegate kubernetes,
        ILoggerProvider logging,
        CancellationToken cancellationToken)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Logging.AddProvider(logging);
        builder.Logging.SetMinimumLevel(LogLevel.Warning);
        builder.WebHost.UseKestrelCore().UseKestrelHttpsConfiguration();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            // Watches, logs and attached streams are quiet for long; layers are large.
            kestrel.Limits.MinRequestBodyDataRate = null;
            kestrel.Limits.MinResponseDataRate = null;
            kestrel.Limits.MaxRequestBodySize = null;
            kestrel.AddServerHeader = false;
            kestrel.ListenUnixSocket(Fresh(options.DockerSocket), listen =>
            {
                Assign(listen, docker);
                DockerHandler.UseHijacking(listen, docker);
            });
            kestrel.ListenUnixSocket(Fresh(options.ControlSocket), listen => Assign(listen, control));
            kestrel.Listen(options.RegistryAddress, listen => Assign(listen, registry));
            kestrel.Listen(options.ApiAddress, listen =>
            {
                Assign(listen, kubernetes);
                listen.Protocols = HttpProtocols.Http1AndHttp2;
                listen.UseHttps(new HttpsConnectionAdapterOptions
                {
                    ServerCertificate = certificate,
                    // The API server verifies the certificate itself, and answers a wrong one with a Status.
                    ClientCertificateMode = ClientCertificateMode.AllowCertificate,
                    ClientCertificateValidation = static (_, _, _) => true,
                });
            });
        });
        var application = builder.Build();
        application.Run(static context =>
            ((RequestDelegate)context.Features.Get<IConnectionItemsFeature>()!.Items[HandlerKey]!)(context));
        try
        {
            await application.StartAsync(cancellationToken).ConfigureAwait(false);
        }
        catch
        {
            await application.DisposeAsync().ConfigureAwait(false);
            throw;
        }

        foreach (var socket in (string[])[options.DockerSocket, options.ControlSocket])
        {
            File.SetUnixFileMode(socket, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.GroupWrite);
        }

        // The command line finds an instance by its root alone.
        var link = Path.Combine(options.Root, "gantry.sock");
        File.Delete(link);
        File.CreateSymbolicLink(link, options.ControlSocket);
        return new Doors(application);
    }

    public async ValueTask DisposeAsync()
    {
        if (_closed)
        {
            return;
        }

        _closed = true;
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(1));
        await _application.StopAsync(patience.Token).ConfigureAwait(false);
        await _application.DisposeAsync().ConfigureAwait(false);
    }

    private static void Assign(ListenOptions listen, RequestDelegate handler) => listen.Use(next => connection =>
    {
        connection.Items[HandlerKey] = handler;
        return next(connection);
    });

    /// <summary>A path for a socket, without the one that a killed process left there.</summary>
    private static string Fresh(string path)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.Delete(path);
        return path;
    }
}
