using Gantry.Faults;
using Gantry.Grpc;

namespace Gantry.Store.Etcd.Client;

/// <summary>
/// etcd's errors as the store's. Most have a code of gRPC that says too little, so that the text decides
/// (etcd api/v3rpc/rpctypes).
/// </summary>
internal static class EtcdFaults
{
    public const string Compacted = "etcdserver: mvcc: required revision has been compacted";

    private const string Future = "etcdserver: mvcc: required revision is a future revision";
    private const string NoSpace = "etcdserver: mvcc: database space exceeded";
    private const string TooManyOperations = "etcdserver: too many operations in txn request";
    private const string TooLarge = "etcdserver: request is too large";
    private const string Duplicate = "etcdserver: duplicate key given in txn request";
    private const string NoUser = "etcdserver: user name is empty";

    public static FaultException Translate(GrpcException e) => e.Message switch
    {
        Compacted => new FaultException(FaultKind.Expired, "the revision was compacted", e),
        Future => new FaultException(FaultKind.InvalidArgument, "the revision is in the future", e),
        NoSpace => new FaultException(
            FaultKind.ResourceExhausted,
            "etcd's database is full (alarm NOSPACE) and takes no writes: run \"gantry store defragment\", which gives the history up, makes room and clears the alarm; then shorten history-age or history-size, or start etcd with a larger --quota-backend-bytes",
            e),
        TooManyOperations => new FaultException(FaultKind.InvalidArgument, "etcd refuses so many operations in one transaction: start it with --max-txn-ops=1024", e),
        TooLarge => RequestTooLarge(),
        Duplicate => new FaultException(FaultKind.InvalidArgument, "a commit may change each key once", e),
        NoUser => new FaultException(FaultKind.Unauthenticated, "etcd wants a user: give gantryd a client certificate that etcd trusts (etcd-cert, etcd-key)", e),
        _ => new FaultException(e.Status == GrpcStatusCode.Unknown ? FaultKind.Unavailable : e.Kind, $"etcd: {e.Message}", e),
    };

    /// <summary>A request beyond <see cref="EtcdClient.MaxRequestBytes"/>.</summary>
    public static FaultException RequestTooLarge() =>
        new(FaultKind.InvalidArgument, "the objects of a commit are larger than etcd accepts: 1.5 MiB, its default for --max-request-bytes");

    /// <summary>Whether another member, or the same one a moment later, may answer what has no effects.</summary>
    public static bool IsTransient(GrpcException e) =>
        e.Status is GrpcStatusCode.Unavailable or GrpcStatusCode.Cancelled or GrpcStatusCode.Unknown
        || (e.Status == GrpcStatusCode.FailedPrecondition && e.Message is "etcdserver: not leader" or "etcdserver: rpc not supported for learner");
}
