using System.Runtime.InteropServices;
using Gantry.Build;
using Gantry.Docker.Protocol;
using Gantry.Docker.Routes;
using Gantry.Docker.Streams;
using Gantry.Engine;
using Gantry.Faults;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Logging;

namespace Gantry.Docker;

/// <summary>
/// The Docker Engine API, versions 1.24 to 1.50, on whatever server hands it requests. Parses, calls the engine, renders;
/// faults become Docker's <c>{"message"}</c>.
/// </summary>
public sealed partial class DockerHandler
{
    private readonly DockerServices _services;
    private readonly ILogger _logger;
    private readonly Route[] _routes = RouteList.All();

    /// <summary>Makes the handler; it owns nothing.</summary>
    public DockerHandler(ContainerEngine engine, ImageBuilder builder, DockerOptions options, ILogger<DockerHandler> logger)
    {
        _services = new DockerServices(engine, builder, options);
        _logger = logger;
    }

    /// <summary>
    /// Prepares a listener of Kestrel for connections that attach and exec turn into plain streams. Every listener that
    /// serves a <see cref="DockerHandler"/> needs it, before it starts; <paramref name="handler"/> leads to <see cref="HandleAsync"/>.
    /// </summary>
    public static void UseHijacking(ListenOptions listener, RequestDelegate handler)
    {
        HijackListener hijack = new(handler);
        listener.Use(next => connection => hijack.RunAsync(connection, next));
    }

    /// <summary>Answers one request.</summary>
    public async Task HandleAsync(HttpContext context)
    {
        HttpResponse response = context.Response;
        response.Headers["Api-Version"] = ApiVersion.Newest.ToString();
        response.Headers["Ostype"] = "linux";
        response.Headers["Docker-Experimental"] = "false";
        response.Headers.Server = $"Gantry/{_services.Options.Version} (linux)";
        string[] path = (context.Request.Path.Value ?? "/").Split('/', StringSplitOptions.RemoveEmptyEntries);
        ApiVersion version = ApiVersion.Newest;
        bool versioned = path.Length > 0 && ApiVersion.TryParse(path[0], out version);
        DockerRequest fallback = new(context, _services, version, new Dictionary<string, string>());
        if (versioned && CheckVersion(version) is { } refusal)
        {
            await fallback.WriteErrorAsync(StatusCodes.Status400BadRequest, refusal).ConfigureAwait(false);
            return;
        }

        string[] rest = versioned ? path[1..] : path;
        foreach (Route route in _routes)
        {
            if (route.Method == context.Request.Method && route.TryMatch(rest, out Dictionary<string, string>? values))
            {
                await RunAsync(route, new DockerRequest(context, _services, versioned ? version : ApiVersion.Newest, values)).ConfigureAwait(false);
                return;
            }
        }

        await fallback.WriteErrorAsync(StatusCodes.Status404NotFound, "page not found").ConfigureAwait(false);
    }

    private async Task RunAsync(Route route, DockerRequest request)
    {
        // Streams are written as they come, and request bodies (images, contexts) have no limit of their own.
        request.Context.Features.Get<IHttpMaxRequestBodySizeFeature>()?.MaxRequestBodySize = null;
        try
        {
            await route.Handle(request).ConfigureAwait(false);
        }
        catch (FaultException fault)
        {
            await RenderAsync(request, FaultStatus.Of(fault.Kind), fault.Message, fault).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is OperationCanceledException or ConnectionResetException or IOException && request.Aborted.IsCancellationRequested)
        {
            // The client went away: there is nobody to answer.
        }
        catch (Exception exception)
        {
            LogFailed(exception, request.Context.Request.Method, request.Context.Request.Path);
            await RenderAsync(request, StatusCodes.Status500InternalServerError, exception.Message, exception).ConfigureAwait(false);
        }
    }

    private static async Task RenderAsync(DockerRequest request, int status, string message, Exception exception)
    {
        if (request.Context.Response.HasStarted)
        {
            // Too late for a status: a stream that breaks off is the only way left to say that it is not whole.
            request.Context.Abort();
            return;
        }

        if (exception is FaultException { Kind: FaultKind.NotModified })
        {
            await request.WriteStatusAsync(StatusCodes.Status304NotModified).ConfigureAwait(false);
            return;
        }

        await request.WriteErrorAsync(status, message).ConfigureAwait(false);
    }

    private static string? CheckVersion(ApiVersion version) =>
        version.CompareTo(ApiVersion.Newest) > 0 ? $"client version {version} is too new. Maximum supported API version is {ApiVersion.Newest}"
        : version.CompareTo(ApiVersion.Oldest) < 0 ? $"client version {version} is too old. Minimum supported API version is {ApiVersion.Oldest}, please upgrade your client to a newer version"
        : null;

    internal static string Architecture => RuntimeInformation.ProcessArchitecture == System.Runtime.InteropServices.Architecture.Arm64 ? "arm64" : "amd64";

    [LoggerMessage(1300, LogLevel.Error, "Request {Method} {Path} failed")]
    private partial void LogFailed(Exception exception, string method, PathString path);
}
