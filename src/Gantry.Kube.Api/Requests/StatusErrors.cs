using System.Globalization;
using Gantry.Faults;
using Gantry.Kube.Api.Resources;
using Gantry.Kube.Api.Validation;
using Gantry.Kube.Client;

namespace Gantry.Kube.Api.Requests;

/// <summary>The failures of the API, one factory a reason, in the upstream server's words.</summary>
internal static class StatusErrors
{
    public static KubeStatusException NotFound(ResourceType resource, string name)
        => new(FaultKind.NotFound, 404, "NotFound", $"{resource.Qualified} \"{name}\" not found", Details(resource, name));

    public static KubeStatusException UnknownPath()
        => new(FaultKind.NotFound, 404, "NotFound", "the server could not find the requested resource", new(null, null, null));

    public static KubeStatusException AlreadyExists(ResourceType resource, string name)
        => new(FaultKind.AlreadyExists, 409, "AlreadyExists", $"{resource.Qualified} \"{name}\" already exists", Details(resource, name));

    public static KubeStatusException Conflict(ResourceType resource, string name, string detail)
        => new(FaultKind.Conflict, 409, "Conflict", $"Operation cannot be fulfilled on {resource.Qualified} \"{name}\": {detail}", Details(resource, name));

    public static KubeStatusException Modified(ResourceType resource, string name)
        => Conflict(resource, name, "the object has been modified; please apply your changes to the latest version and try again");

    public static KubeStatusException ApplyConflict(string message, IReadOnlyList<KubeStatusCause> causes)
        => new(FaultKind.Conflict, 409, "Conflict", message, new(null, null, null, null, causes));

    public static KubeStatusException Invalid(ResourceType resource, string name, FieldErrors errors)
        => Invalid(resource.Kind, resource.Group, name, errors);

    public static KubeStatusException Invalid(string kind, string group, string name, FieldErrors errors)
    {
        var texts = errors.All.Select(static e => $"{e.Field}: {e.Message}").Distinct().ToList();
        var message = texts.Count == 1 ? texts[0] : "[" + string.Join(", ", texts) + "]";
        var qualified = group.Length == 0 ? kind : kind + "." + group;
        var causes = errors.All.Select(static e => new KubeStatusCause(e.Reason, e.Message, e.Field)).ToList();
        return new(FaultKind.InvalidArgument, 422, "Invalid", $"{qualified} \"{name}\" is invalid: {message}", new(name, group, kind, null, causes));
    }

    public static KubeStatusException Forbidden(ResourceType resource, string? name, string detail)
        => Forbidden(resource.Qualified, resource.Group, resource.Plural, name, detail);

    public static KubeStatusException Forbidden(string qualified, string group, string plural, string? name, string detail)
    {
        var subject = string.IsNullOrEmpty(name) ? qualified : $"{qualified} \"{name}\"";
        return new(FaultKind.PermissionDenied, 403, "Forbidden", $"{subject} is forbidden: {detail}", new(string.IsNullOrEmpty(name) ? null : name, group, plural));
    }

    public static KubeStatusException ForbiddenPath(string detail)
        => new(FaultKind.PermissionDenied, 403, "Forbidden", $"forbidden: {detail}", new(null, null, null));

    public static KubeStatusException Unauthorized()
        => new(FaultKind.Unauthenticated, 401, "Unauthorized", "Unauthorized");

    public static KubeStatusException BadRequest(string message)
        => new(FaultKind.InvalidArgument, 400, "BadRequest", message);

    public static KubeStatusException MethodNotAllowed()
        => new(FaultKind.NotImplemented, 405, "MethodNotAllowed", "the server does not allow this method on the requested resource", new(null, null, null));

    public static KubeStatusException NotAcceptable()
        => new(FaultKind.InvalidArgument, 406, "NotAcceptable", "only the following media types are accepted: application/json, application/yaml, application/vnd.kubernetes.protobuf");

    public static KubeStatusException UnsupportedMediaType(string accepted)
        => new(FaultKind.InvalidArgument, 415, "UnsupportedMediaType", $"the body of the request was in an unknown format - accepted media types include: {accepted}");

    public static KubeStatusException TooLarge(long limit)
        => new(FaultKind.ResourceExhausted, 413, "RequestEntityTooLarge", string.Create(CultureInfo.InvariantCulture, $"Request entity too large: limit is {limit}"));

    public static KubeStatusException Expired(string message)
        => new(FaultKind.Expired, 410, "Expired", message);

    public static KubeStatusException ContinueExpired()
        => Expired("The provided continue parameter is too old to display a consistent list result.");

    public static KubeStatusException Gone(long requested, long oldest)
        => Expired(string.Create(CultureInfo.InvariantCulture, $"too old resource version: {requested} ({oldest})"));

    public static KubeStatusException Timeout(string message)
        => new(FaultKind.DeadlineExceeded, 504, "Timeout", $"Timeout: {message}");

    public static KubeStatusException Unavailable(string message)
        => new(FaultKind.Unavailable, 503, "ServiceUnavailable", message);

    public static KubeStatusException TooManyRequests(string message, int retryAfterSeconds, KubeStatusDetails? details = null)
        => new(FaultKind.ResourceExhausted, 429, "TooManyRequests", message, (details ?? new(null, null, null)) with { RetryAfterSeconds = retryAfterSeconds });

    public static KubeStatusException Internal(string message)
        => new(FaultKind.Internal, 500, "InternalError", $"Internal error occurred: {message}", new(null, null, null, null, [new("", message, null)]));

    private static KubeStatusDetails Details(ResourceType resource, string name) => new(name, resource.Group, resource.Plural);
}
