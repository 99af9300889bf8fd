using Gantry.Grpc;
using Gantry.Store.Etcd.Protos;

namespace Gantry.Store.Etcd.Client;

/// <summary>The methods of etcd's v3 API that the store calls.</summary>
internal static class EtcdMethods
{
    public static GrpcMethod<RangeRequest, RangeResponse> Range { get; } = new("/etcdserverpb.KV/Range", RangeResponse.Parser);

    public static GrpcMethod<TxnRequest, TxnResponse> Txn { get; } = new("/etcdserverpb.KV/Txn", TxnResponse.Parser);

    public static GrpcMethod<CompactionRequest, CompactionResponse> Compact { get; } = new("/etcdserverpb.KV/Compact", CompactionResponse.Parser);

    public static GrpcMethod<WatchRequest, WatchResponse> Watch { get; } = new("/etcdserverpb.Watch/Watch", WatchResponse.Parser);

    public static GrpcMethod<LeaseGrantRequest, LeaseGrantResponse> LeaseGrant { get; } = new("/etcdserverpb.Lease/LeaseGrant", LeaseGrantResponse.Parser);

    public static GrpcMethod<LeaseRevokeRequest, LeaseRevokeResponse> LeaseRevoke { get; } = new("/etcdserverpb.Lease/LeaseRevoke", LeaseRevokeResponse.Parser);

    public static GrpcMethod<LeaseKeepAliveRequest, LeaseKeepAliveResponse> LeaseKeepAlive { get; } = new("/etcdserverpb.Lease/LeaseKeepAlive", LeaseKeepAliveResponse.Parser);

    public static GrpcMethod<StatusRequest, StatusResponse> Status { get; } = new("/etcdserverpb.Maintenance/Status", StatusResponse.Parser);

    public static GrpcMethod<AlarmRequest, AlarmResponse> Alarm { get; } = new("/etcdserverpb.Maintenance/Alarm", AlarmResponse.Parser);

    public static GrpcMethod<DefragmentRequest, DefragmentResponse> Defragment { get; } = new("/etcdserverpb.Maintenance/Defragment", DefragmentResponse.Parser);
}
