using Gantry.Faults;
using Gantry.Grpc;
using Gantry.Store.Etcd.Client;
using Gantry.Store.Etcd.Protos;
using Google.Protobuf;

namespace Gantry.Store.Etcd.Leases;

/// <summary>
/// A role held by a key that a lease keeps alive: when the lease ends, etcd deletes the key. The lease is renewed at a third of
/// its time; whoever could not renew it for two thirds counts the role as lost, well before etcd gives it away.
/// </summary>
internal sealed class EtcdLeadership : IStoreLeadership
{
    /// <summary>Kubernetes' lease duration for leader election.</summary>
    private static readonly TimeSpan s_lease = TimeSpan.FromSeconds(15);

    /// <summary>Kubernetes' retry period.</summary>
    private static readonly TimeSpan s_retry = TimeSpan.FromSeconds(2);

    // Between attempts that failed. An attempt takes at most a fifth of the lease, so the last one ends within it.
    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(500);

    private readonly EtcdClient _client;
    private readonly TimeProvider _time;
    private readonly long _lease;
    private readonly CancellationTokenSource _lost = new();
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _renewing;

    private EtcdLeadership(EtcdClient client, TimeProvider time, long lease)
    {
        _client = client;
        _time = time;
        _lease = lease;
        _renewing = Task.Run(RenewAsync);
    }

    /// <inheritdoc/>
    public CancellationToken Lost => _lost.Token;

    /// <summary>Waits for the role; see <see cref="IStoreElection.LeadAsync"/>.</summary>
    public static async Task<EtcdLeadership> WinAsync(EtcdClient client, TimeProvider time, ByteString key, string candidate, CancellationToken cancellationToken)
    {
        while (true)
        {
            try
            {
                if (await TryWinAsync(client, key, candidate, cancellationToken).ConfigureAwait(false) is { } lease)
                {
                    return new EtcdLeadership(client, time, lease);
                }
            }
            catch (FaultException e) when (e.Kind is FaultKind.Unavailable or FaultKind.DeadlineExceeded or FaultKind.ResourceExhausted)
            {
                // The candidate stays one.
            }

            await Task.Delay(s_retry, time, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync().ConfigureAwait(false);
        await _renewing.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        try
        {
            // The key goes with the lease, so that the next one does not wait.
            await _client.WriteAsync(EtcdMethods.LeaseRevoke, new LeaseRevokeRequest { ID = _lease }, CancellationToken.None).ConfigureAwait(false);
        }
        catch (FaultException)
        {
            // It ends by itself.
        }

        await _lost.CancelAsync().ConfigureAwait(false);
        _stop.Dispose();
    }

    private static async Task<long?> TryWinAsync(EtcdClient client, ByteString key, string candidate, CancellationToken cancellationToken)
    {
        var present = await client.ReadAsync(EtcdMethods.Range, new RangeRequest { Key = key, CountOnly = true }, cancellationToken).ConfigureAwait(false);
        if (present.Count > 0)
        {
            return null;
        }

        var granted = await client.WriteAsync(EtcdMethods.LeaseGrant, new LeaseGrantRequest { TTL = (long)s_lease.TotalSeconds }, cancellationToken).ConfigureAwait(false);
        var request = new TxnRequest();
        request.Compare.Add(new Compare { Key = key, Target = Compare.Types.CompareTarget.Create, CreateRevision = 0 });
        request.Success.Add(new RequestOp { RequestPut = new PutRequest { Key = key, Value = ByteString.CopyFromUtf8(candidate), Lease = granted.ID } });
        var answer = await client.WriteAsync(EtcdMethods.Txn, request, cancellationToken).ConfigureAwait(false);
        return answer.Succeeded ? granted.ID : null;
    }

    private async Task RenewAsync()
    {
        var renewed = _time.GetTimestamp();
        try
        {
            while (_time.GetElapsedTime(renewed) < s_lease * 2 / 3)
            {
                var asked = _time.GetTimestamp();
                if (await TryRenewAsync(_stop.Token).ConfigureAwait(false) is { } left)
                {
                    if (left <= 0)
                    {
                        break; // etcd does not have the lease any more
                    }

                    renewed = asked;
                }

                await Task.Delay(renewed == asked ? s_lease / 3 : s_pause, _time, _stop.Token).ConfigureAwait(false);
            }

            await _lost.CancelAsync().ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            // Given up on purpose.
        }
    }

    /// <summary>Renews the lease; its new time in seconds (0: it has ended), or null when etcd could not be asked.</summary>
    private async Task<long?> TryRenewAsync(CancellationToken cancellationToken)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        patience.CancelAfter(s_lease / 5);
        var stream = _client.Open(EtcdMethods.LeaseKeepAlive, out var member);
        await using (stream.ConfigureAwait(false))
        {
            try
            {
                await stream.SendAsync(new LeaseKeepAliveRequest { ID = _lease }, patience.Token).ConfigureAwait(false);
                return (await stream.ReceiveAsync(patience.Token).ConfigureAwait(false))?.TTL;
            }
            catch (GrpcException e)
            {
                _client.Leave(member, e);
                return null;
            }
            catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
            {
                _client.Leave(member, new GrpcException(GrpcStatusCode.DeadlineExceeded, "no answer"));
                return null;
            }
        }
    }
}
