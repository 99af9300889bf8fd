using Gantry.Faults;
using Gantry.Store.Etcd.Client;
using Gantry.Store.Etcd.Protos;
using Google.Protobuf;

namespace Gantry.Store.Etcd;

/// <summary>A store made of what another one held.</summary>
public sealed partial class EtcdStore
{
    // Within etcd's default of 128 operations and 1.5 MiB a request.
    private const int ImportOperations = 100;
    private const int ImportBytes = 1 << 20;

    /// <summary>
    /// Writes entries to an empty prefix, whose revisions then begin above the page's. Until it has finished the prefix cannot be
    /// opened; a second attempt begins anew. Throws FailedPrecondition when a complete store is there.
    /// </summary>
    public static async Task ImportAsync(EtcdStoreOptions options, StorePage page, CancellationToken cancellationToken = default)
    {
        using var client = new EtcdClient(options);
        var keys = new EtcdKeys(options.Prefix);
        await ClaimAsync(client, keys, options, cancellationToken).ConfigureAwait(false);
        _ = await StoreFormat.ReadOrCreateAsync(client, options, page.Revision, cancellationToken).ConfigureAwait(false);
        var batch = new TxnRequest();
        var bytes = 0;
        foreach (var entry in page.Entries)
        {
            if (batch.Success.Count == ImportOperations || (bytes > 0 && bytes + entry.Value.Length > ImportBytes))
            {
                await client.WriteAsync(EtcdMethods.Txn, batch, cancellationToken).ConfigureAwait(false);
                batch = new TxnRequest();
                bytes = 0;
            }

            batch.Success.Add(new RequestOp { RequestPut = new PutRequest { Key = keys.Data(entry.Key), Value = UnsafeByteOperations.UnsafeWrap(entry.Value) } });
            bytes += entry.Value.Length;
        }

        // The last batch opens the prefix, in one transaction with what was missing.
        batch.Success.Add(new RequestOp { RequestDeleteRange = new DeleteRangeRequest { Key = keys.Import } });
        await client.WriteAsync(EtcdMethods.Txn, batch, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Empties the prefix of an attempt that did not finish, and marks it as one.</summary>
    private static async Task ClaimAsync(EtcdClient client, EtcdKeys keys, EtcdStoreOptions options, CancellationToken cancellationToken)
    {
        var claim = new TxnRequest();
        // Nothing is there yet ...
        claim.Compare.Add(new Compare { Key = keys.Format, Target = Compare.Types.CompareTarget.Create, CreateRevision = 0 });
        claim.Success.Add(new RequestOp { RequestPut = new PutRequest { Key = keys.Import, Value = ByteString.CopyFromUtf8("1") } });
        claim.Failure.Add(new RequestOp { RequestRange = new RangeRequest { Key = keys.Import } });
        var answer = await client.WriteAsync(EtcdMethods.Txn, claim, cancellationToken).ConfigureAwait(false);
        if (answer.Succeeded)
        {
            return;
        }

        if (answer.Responses[0].ResponseRange.Kvs.Count == 0)
        {
            throw new FaultException(FaultKind.FailedPrecondition, $"a cluster is below {options.Prefix} in this etcd already; choose another etcd-prefix, or delete it with: etcdctl del --prefix {options.Prefix}/");
        }

        // ... or what an unfinished attempt left: away with it.
        var clear = new TxnRequest();
        clear.Compare.Add(new Compare { Key = keys.Import, Target = Compare.Types.CompareTarget.Create, Result = Compare.Types.CompareResult.Greater, CreateRevision = 0 });
        clear.Success.Add(new RequestOp { RequestDeleteRange = new DeleteRangeRequest { Key = keys.Everything, RangeEnd = EtcdKeys.EndOf(keys.Everything) } });
        await client.WriteAsync(EtcdMethods.Txn, clear, cancellationToken).ConfigureAwait(false);
        await ClaimAsync(client, keys, options, cancellationToken).ConfigureAwait(false);
    }
}
