namespace Gantry.Grpc;

/// <summary>The codes of a call's status (grpc/doc/statuscodes.md).</summary>
public enum GrpcStatusCode
{
    /// <summary>The call succeeded.</summary>
    OK = 0,

    /// <summary>The caller gave up.</summary>
    Cancelled = 1,

    /// <summary>No other code fits.</summary>
    Unknown = 2,

    /// <summary>The request is malformed, whatever the server's state.</summary>
    InvalidArgument = 3,

    /// <summary>The deadline passed; the server may have done the work.</summary>
    DeadlineExceeded = 4,

    /// <summary>What was asked for does not exist.</summary>
    NotFound = 5,

    /// <summary>What was to be made exists.</summary>
    AlreadyExists = 6,

    /// <summary>The caller is known and may not do this.</summary>
    PermissionDenied = 7,

    /// <summary>A quota or a limit is used up.</summary>
    ResourceExhausted = 8,

    /// <summary>The server's state forbids the call.</summary>
    FailedPrecondition = 9,

    /// <summary>A concurrent change got in the way.</summary>
    Aborted = 10,

    /// <summary>The call leaves the valid range.</summary>
    OutOfRange = 11,

    /// <summary>The server does not have the method.</summary>
    Unimplemented = 12,

    /// <summary>An expectation of the server was broken.</summary>
    Internal = 13,

    /// <summary>The server cannot be reached; the call may be repeated.</summary>
    Unavailable = 14,

    /// <summary>Data are lost or damaged.</summary>
    DataLoss = 15,

    /// <summary>The caller is not known.</summary>
    Unauthenticated = 16,
}
