using Gantry.Faults;
using Gantry.Grpc;
using Gantry.Store.Etcd.Protos;
using Google.Protobuf;

namespace Gantry.Store.Etcd.Client;

/// <summary>
/// Calls an etcd cluster by any of its members. Calls go to one member until it fails; then the next one is taken. What has
/// no effects is repeated within the call's time; what has effects only when it certainly was not sent.
/// </summary>
internal sealed class EtcdClient : IDisposable
{
    /// <summary>
    /// etcd's default for --max-request-bytes. What is larger is not sent: etcd would break the stream in its middle, which looks
    /// like a connection that was lost.
    /// </summary>
    public const int MaxRequestBytes = 1536 * 1024;

    private static readonly TimeSpan s_retryPause = TimeSpan.FromMilliseconds(50);

    private readonly EtcdStoreOptions _options;
    private readonly GrpcChannel[] _members;
    private int _current;

    public EtcdClient(EtcdStoreOptions options)
    {
        _options = options;
        _members =
        [
            .. options.Endpoints.Select(address => new GrpcChannel(new GrpcChannelOptions(address)
            {
                Authorities = options.Authorities,
                ClientCertificate = options.ClientCertificate,
                // A member that is cut off from the leader fails calls and streams instead of letting them wait.
                Metadata = new Dictionary<string, string> { ["hasleader"] = "true" },
            })),
        ];
    }

    /// <summary>The members' channels, for calls that each must get.</summary>
    public IReadOnlyList<GrpcChannel> Members => _members;

    /// <summary>The member that is in use.</summary>
    public GrpcChannel Current => _members[Volatile.Read(ref _current)];

    /// <summary>A call without effects.</summary>
    public async Task<TResponse> ReadAsync<TRequest, TResponse>(
        GrpcMethod<TRequest, TResponse> method, TRequest request, CancellationToken cancellationToken, TimeSpan? timeout = null)
        where TRequest : IMessage<TRequest>
        where TResponse : class, IMessage<TResponse>
    {
        var time = _options.TimeProvider;
        var patience = timeout ?? _options.Timeout;
        var start = time.GetTimestamp();
        while (true)
        {
            var left = patience - time.GetElapsedTime(start);
            var member = Current;
            try
            {
                return await member.CallAsync(method, request, left > s_retryPause ? left : s_retryPause, cancellationToken).ConfigureAwait(false);
            }
            catch (GrpcException e)
            {
                Leave(member, e);
                if (!EtcdFaults.IsTransient(e) || time.GetElapsedTime(start) + s_retryPause >= patience)
                {
                    throw EtcdFaults.Translate(e);
                }
            }

            await Task.Delay(s_retryPause, time, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>
    /// A call with effects. When its outcome is unknown the fault says so: the caller has to look before it repeats it.
    /// </summary>
    public async Task<TResponse> WriteAsync<TRequest, TResponse>(
        GrpcMethod<TRequest, TResponse> method, TRequest request, CancellationToken cancellationToken, TimeSpan? timeout = null)
        where TRequest : IMessage<TRequest>
        where TResponse : class, IMessage<TResponse>
    {
        if (request.CalculateSize() > MaxRequestBytes)
        {
            throw EtcdFaults.RequestTooLarge();
        }

        for (var attempt = 1; ; attempt++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var member = Current;
            try
            {
                // Once sent, the outcome must be known to the caller: no cancellation from here.
                return await member.CallAsync(method, request, timeout ?? _options.Timeout, CancellationToken.None).ConfigureAwait(false);
            }
            catch (GrpcException e)
            {
                Leave(member, e);
                if (e.WasNeverSent && attempt < 2 * _members.Length)
                {
                    continue;
                }

                throw !e.WasNeverSent && (EtcdFaults.IsTransient(e) || e.Status == GrpcStatusCode.DeadlineExceeded)
                    ? new FaultException(FaultKind.Unavailable, $"etcd: {e.Message}; the change may have been made: read before you repeat it", e)
                    : EtcdFaults.Translate(e);
            }
        }
    }

    /// <summary>Starts a stream on the member that is in use.</summary>
    public GrpcStream<TRequest, TResponse> Open<TRequest, TResponse>(GrpcMethod<TRequest, TResponse> method, out GrpcChannel member)
        where TRequest : IMessage<TRequest>
        where TResponse : class, IMessage<TResponse>
    {
        member = Current;
        return member.Open(method);
    }

    /// <summary>After a failure of a member: the next one is taken, unless somebody did that already.</summary>
    public void Leave(GrpcChannel member, GrpcException reason)
    {
        var index = Array.IndexOf(_members, member);
        if (EtcdFaults.IsTransient(reason) || reason.Status is GrpcStatusCode.DeadlineExceeded or GrpcStatusCode.Unauthenticated)
        {
            Interlocked.CompareExchange(ref _current, (index + 1) % _members.Length, index);
        }
    }

    public void Dispose()
    {
        foreach (var member in _members)
        {
            member.Dispose();
        }
    }
}
