using Gantry.Store.Contract;

namespace Gantry.Store.Etcd.Tests;

/// <summary>The contract of every store, on a real etcd.</summary>
public sealed class EtcdStoreTests(EtcdServer etcd) : StoreContractTests, IClassFixture<EtcdServer>
{
    private readonly EtcdStoreOptions _options = etcd.NewStore();

    protected override int OwnRevisions => 1;

    protected override async ValueTask<IStore> OpenAsync() => await EtcdStore.OpenAsync(_options);

    // The server's data go with the server.
    protected override ValueTask DeleteAsync() => ValueTask.CompletedTask;
}
