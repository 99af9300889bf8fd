namespace Gantry.Faults;

/// <summary>
/// The closed set of reasons for which an operation can fail. Rooms throw <see cref="FaultException"/> with one of these;
/// each protocol's door is the only place that maps them to status codes.
/// </summary>
public enum FaultKind
{
    /// <summary>The caller's input is malformed or out of range; repeating the call cannot succeed.</summary>
    InvalidArgument,

    /// <summary>The named object does not exist.</summary>
    NotFound,

    /// <summary>An object of that name or identity exists.</summary>
    AlreadyExists,

    /// <summary>The object changed since the caller read it, or is in use.</summary>
    Conflict,

    /// <summary>The object's state forbids the operation (for example: exec in a stopped container).</summary>
    FailedPrecondition,

    /// <summary>The caller is known and may not do this.</summary>
    PermissionDenied,

    /// <summary>The caller is not known.</summary>
    Unauthenticated,

    /// <summary>A limit, quota or address pool is used up.</summary>
    ResourceExhausted,

    /// <summary>The object is already in the requested state.</summary>
    NotModified,

    /// <summary>The operation is part of the protocol but not of this implementation.</summary>
    NotImplemented,

    /// <summary>A dependency cannot be reached; repeating the call may succeed.</summary>
    Unavailable,

    /// <summary>The operation did not finish in its time.</summary>
    DeadlineExceeded,

    /// <summary>The requested revision or token is older than what is kept.</summary>
    Expired,

    /// <summary>Stored content is damaged (for example: a digest does not match).</summary>
    DataLoss,

    /// <summary>An expectation inside the program was broken.</summary>
    Internal,
}
