using System.Net;
using Gantry.Images.Tests;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Gantry.Registry.Tests;

/// <summary>A registry on a loopback port, over a store of its own.</summary>
internal sealed class RegistryServer : IAsyncDisposable
{
    private readonly WebApplication _app;

    private RegistryServer(WebApplication app, ImageRoot root)
    {
        _app = app;
        Root = root;
        Http = new HttpClient { BaseAddress = new Uri(app.Urls.First()) };
    }

    public ImageRoot Root { get; }

    public HttpClient Http { get; }

    /// <summary>As it stands in references: <c>127.0.0.1:port</c>.</summary>
    public string Domain => Http.BaseAddress!.Authority;

    /// <summary>Starts; <paramref name="before"/> may answer a request itself and then returns true.</summary>
    public static async Task<RegistryServer> StartAsync(Func<HttpContext, Task<bool>>? before = null)
    {
        var root = await ImageRoot.CreateAsync("nobody:1");
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(options => options.Listen(IPAddress.Loopback, 0));
        var app = builder.Build();
        var handler = new RegistryHandler(root.Images);
        app.Run(async context =>
        {
            if (before is null || !await before(context))
            {
                await handler.HandleAsync(context);
            }
        });
        await app.StartAsync();
        return new RegistryServer(app, root);
    }

    public async ValueTask DisposeAsync()
    {
        Http.Dispose();
        await _app.StopAsync();
        await _app.DisposeAsync();
        await Root.DisposeAsync();
    }
}
