using Gantry.Faults;
using Microsoft.AspNetCore.Http;

namespace Gantry.Docker.Protocol;

/// <summary>The one place that maps faults to Docker's status codes.</summary>
internal static class FaultStatus
{
    internal static int Of(FaultKind kind) => kind switch
    {
        FaultKind.InvalidArgument => StatusCodes.Status400BadRequest,
        FaultKind.NotFound => StatusCodes.Status404NotFound,
        FaultKind.AlreadyExists or FaultKind.Conflict or FaultKind.FailedPrecondition => StatusCodes.Status409Conflict,
        FaultKind.PermissionDenied => StatusCodes.Status403Forbidden,
        FaultKind.Unauthenticated => StatusCodes.Status401Unauthorized,
        FaultKind.NotModified => StatusCodes.Status304NotModified,
        FaultKind.NotImplemented => StatusCodes.Status501NotImplemented,
        FaultKind.Unavailable => StatusCodes.Status503ServiceUnavailable,
        _ => StatusCodes.Status500InternalServerError,
    };
}
