using System.Globalization;
using Gantry.Faults;
using Gantry.Store.Etcd.Client;
using Gantry.Store.Etcd.Keeping;
using Gantry.Store.Etcd.Protos;
using Google.Protobuf;

namespace Gantry.Store.Etcd;

/// <summary>
/// What a store was made with: the version of its layout, what is added to etcd's revisions, and the revision of its making.
/// The record's text is <c>VERSION OFFSET</c>.
/// </summary>
internal sealed record StoreFormat(long Offset, long CreateRevision)
{
    private const int Version = 1;

    /// <summary>
    /// Reads the record, or writes it where the prefix is empty. The offset of a new store is such that its revisions begin
    /// above <paramref name="aboveRevision"/>.
    /// </summary>
    public static async Task<StoreFormat> ReadOrCreateAsync(EtcdClient client, EtcdStoreOptions options, long aboveRevision, CancellationToken cancellationToken)
    {
        var keys = new EtcdKeys(options.Prefix);
        var look = new TxnRequest();
        look.Success.Add(new RequestOp { RequestRange = new RangeRequest { Key = keys.Format } });
        look.Success.Add(new RequestOp { RequestRange = new RangeRequest { Key = keys.Import } });
        var found = await client.ReadAsync(EtcdMethods.Txn, look, cancellationToken, options.OpenTimeout).ConfigureAwait(false);
        if (aboveRevision == 0 && found.Responses[1].ResponseRange.Kvs.Count > 0)
        {
            throw new FaultException(FaultKind.FailedPrecondition, $"a migration to etcd below {options.Prefix} has not finished; run \"gantry store migrate\" again, or choose another etcd-prefix");
        }

        if (found.Responses[0].ResponseRange.Kvs is [var record])
        {
            return Parse(record, options.Prefix);
        }

        var offset = Math.Max(0, aboveRevision - found.Header.Revision);
        var create = new TxnRequest();
        create.Compare.Add(new Compare { Key = keys.Format, Target = Compare.Types.CompareTarget.Create, CreateRevision = 0 });
        create.Success.Add(new RequestOp { RequestPut = new PutRequest { Key = keys.Format, Value = ByteString.CopyFromUtf8(string.Create(CultureInfo.InvariantCulture, $"{Version} {offset}")) } });
        create.Success.Add(new RequestOp { RequestPut = new PutRequest { Key = keys.Clock, Value = StoreClock.Encode(options.TimeProvider.GetUtcNow()) } });
        create.Failure.Add(new RequestOp { RequestRange = new RangeRequest { Key = keys.Format } });
        // Two processes that begin at once: one writes, the other reads what was written.
        var made = await client.WriteAsync(EtcdMethods.Txn, create, cancellationToken).ConfigureAwait(false);
        return made.Succeeded ? new StoreFormat(offset, made.Header.Revision) : Parse(made.Responses[0].ResponseRange.Kvs[0], options.Prefix);
    }

    private static StoreFormat Parse(KeyValue record, string prefix)
    {
        var parts = record.Value.ToStringUtf8().Split(' ');
        if (parts.Length != 2 || !int.TryParse(parts[0], CultureInfo.InvariantCulture, out var version) || !long.TryParse(parts[1], CultureInfo.InvariantCulture, out var offset))
        {
            throw new FaultException(FaultKind.DataLoss, $"etcd's key {record.Key.ToStringUtf8()} is not a store's: {prefix} belongs to another program, choose another etcd-prefix");
        }

        return version <= Version
            ? new StoreFormat(offset, record.CreateRevision)
            : throw new FaultException(FaultKind.FailedPrecondition, $"the store below {prefix} has format {version}, written by a newer gantryd; this one reads up to {Version}");
    }
}
