using Gantry.Faults;

namespace Gantry.Grpc;

/// <summary>A call that did not succeed, with its status.</summary>
public sealed class GrpcException : FaultException
{
    /// <summary>Makes the exception of a status.</summary>
    public GrpcException(GrpcStatusCode status, string message, Exception? innerException = null)
        : base(KindOf(status), message, innerException) => Status = status;

    /// <summary>The status's code.</summary>
    public GrpcStatusCode Status { get; }

    /// <summary>Whether the request certainly did not reach the server, so that repeating it cannot do the work twice.</summary>
    public bool WasNeverSent { get; init; }

    private static FaultKind KindOf(GrpcStatusCode status) => status switch
    {
        GrpcStatusCode.InvalidArgument or GrpcStatusCode.OutOfRange => FaultKind.InvalidArgument,
        GrpcStatusCode.DeadlineExceeded => FaultKind.DeadlineExceeded,
        GrpcStatusCode.NotFound => FaultKind.NotFound,
        GrpcStatusCode.AlreadyExists => FaultKind.AlreadyExists,
        GrpcStatusCode.PermissionDenied => FaultKind.PermissionDenied,
        GrpcStatusCode.ResourceExhausted => FaultKind.ResourceExhausted,
        GrpcStatusCode.FailedPrecondition => FaultKind.FailedPrecondition,
        GrpcStatusCode.Aborted => FaultKind.Conflict,
        GrpcStatusCode.Unimplemented => FaultKind.NotImplemented,
        GrpcStatusCode.Unavailable or GrpcStatusCode.Cancelled => FaultKind.Unavailable,
        GrpcStatusCode.DataLoss => FaultKind.DataLoss,
        GrpcStatusCode.Unauthenticated => FaultKind.Unauthenticated,
        _ => FaultKind.Internal,
    };
}
