using Gantry.Faults;
using Gantry.Kube.Api.Authentication;
using Gantry.Kube.Api.Authorization;
using Gantry.Kube.Api.Discovery;
using Gantry.Kube.Api.Requests;
using Gantry.Kube.Api.Resources;
using Gantry.Kube.Client;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Gantry.Kube.Api.Http;

/// <summary>The HTTP door: authenticates, authorizes, routes, and renders failures.</summary>
internal sealed partial class KubeApiHandler(
    ServerCore core,
    RequestAuthenticator authenticator,
    RbacAuthorizer authorizer,
    ResourceHandler resources,
    SubresourceHandler subresources,
    ReviewHandler reviews,
    StreamHandler streams,
    DocumentHandler documents,
    ILogger logger)
{
    public async Task HandleAsync(HttpContext http)
    {
        try
        {
            var user = await authenticator.AuthenticateAsync(http).ConfigureAwait(false);
            user = await authorizer.ImpersonateAsync(http, user).ConfigureAwait(false);
            var path = http.Request.Path.Value ?? "/";
            var info = RequestInfo.Parse(http.Request.Method, path, http.Request.Query["watch"] is [("true" or "1")]);
            await authorizer.AuthorizeAsync(user, info, http.RequestAborted).ConfigureAwait(false);
            await RouteAsync(http, info, user).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (http.RequestAborted.IsCancellationRequested)
        {
            // The client has gone; there is nobody to answer.
        }
        catch (FaultException e)
        {
            await FailAsync(http, e as KubeStatusException ?? FromFault(e)).ConfigureAwait(false);
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            LogFailure(http.Request.Method, http.Request.Path, e);
            await FailAsync(http, StatusErrors.Internal(e.Message)).ConfigureAwait(false);
        }
    }

    private async Task RouteAsync(HttpContext http, RequestInfo info, UserInfo user)
    {
        if (!info.IsResource)
        {
            await documents.HandleAsync(http, info).ConfigureAwait(false);
            return;
        }

        var resource = core.Registry.Find(info.Group, info.Version, info.Resource) ?? throw StatusErrors.UnknownPath();
        if (info.Subresource is not null && !resource.HasSubresource(info.Subresource) && !(resource.Plural == "namespaces" && info.Subresource == "finalize"))
        {
            throw StatusErrors.UnknownPath();
        }

        if (ReviewHandler.Handles(resource))
        {
            await reviews.HandleAsync(http, info, resource, user).ConfigureAwait(false);
        }
        else if (info.Subresource is null or "status")
        {
            await resources.HandleAsync(http, info, resource, user).ConfigureAwait(false);
        }
        else if (info.Subresource is "log" or "exec" or "attach" or "portforward")
        {
            await streams.HandleAsync(http, info, resource).ConfigureAwait(false);
        }
        else
        {
            await subresources.HandleAsync(http, info, resource, user).ConfigureAwait(false);
        }
    }

    private static async Task FailAsync(HttpContext http, KubeStatusException e)
    {
        if (http.Response.HasStarted)
        {
            http.Abort();
            return;
        }

        if (e.Code == 429 || e.Details?.RetryAfterSeconds is not null)
        {
            http.Response.Headers.RetryAfter = StatusWriter.RetryAfter(e);
        }

        await ResponseWriter.TreeAsync(http, e.Code, StatusWriter.Failure(e), FormatOf(http)).ConfigureAwait(false);
    }

    /// <summary>The format of a failure: JSON when what the client accepts is not offered.</summary>
    private static BodyFormat FormatOf(HttpContext http)
        => http.Request.Headers.Accept.ToString() == "application/vnd.kubernetes.protobuf" ? BodyFormat.Protobuf : BodyFormat.Json;

    private static KubeStatusException FromFault(FaultException e)
    {
        var (code, reason) = e.Kind switch
        {
            FaultKind.InvalidArgument => (400, "BadRequest"),
            FaultKind.NotFound => (404, "NotFound"),
            FaultKind.AlreadyExists => (409, "AlreadyExists"),
            FaultKind.Conflict => (409, "Conflict"),
            FaultKind.FailedPrecondition => (400, "BadRequest"),
            FaultKind.PermissionDenied => (403, "Forbidden"),
            FaultKind.Unauthenticated => (401, "Unauthorized"),
            FaultKind.ResourceExhausted => (429, "TooManyRequests"),
            FaultKind.Unavailable => (503, "ServiceUnavailable"),
            FaultKind.DeadlineExceeded => (504, "Timeout"),
            FaultKind.Expired => (410, "Expired"),
            _ => (500, "InternalError"),
        };
        return new KubeStatusException(e.Kind, code, reason, e.Message);
    }

    [LoggerMessage(EventId = 4100, Level = LogLevel.Error, Message = "Request failed: {Method} {Path}")]
    private partial void LogFailure(string method, PathString path, Exception exception);
}
