using Gantry.Store.Etcd.Leases;

namespace Gantry.Store.Etcd;

/// <summary>Elections among the processes that share the store.</summary>
public sealed partial class EtcdStore : IStoreElection
{
    /// <inheritdoc/>
    public async ValueTask<IStoreLeadership> LeadAsync(string role, string candidate, CancellationToken cancellationToken = default) =>
        await EtcdLeadership.WinAsync(_client, _options.TimeProvider, Keys.Election(role), candidate, cancellationToken).ConfigureAwait(false);
}
