using Gantry.Faults;
using Gantry.Store.Contract;
using Gantry.Store.Sqlite;

namespace Gantry.Store.Tests;

public sealed class SqliteStoreTests : StoreContractTests
{
    private readonly string _directory = Directory.CreateTempSubdirectory("gantry-store-").FullName;

    private string DatabasePath => Path.Combine(_directory, "state.db");

    [Fact]
    public void Open_FileInUse_SaysSo()
    {
        // SQLite's lock is between connections, so a second one in this process stands for a second process.
        var fault = Assert.Throws<FaultException>(() => SqliteStore.Open(new SqliteStoreOptions(DatabasePath)));

        Assert.Equal(FaultKind.FailedPrecondition, fault.Kind);
        Assert.Contains("another gantryd", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Open_FileOfAnotherFormat_IsRefusedAsDamaged()
    {
        var path = Path.Combine(_directory, "other.db");
        File.WriteAllText(path, new string('x', 8192));

        var fault = Assert.Throws<FaultException>(() => SqliteStore.Open(new SqliteStoreOptions(path)));

        Assert.Equal(FaultKind.DataLoss, fault.Kind);
    }

    [Fact]
    public async Task History_BeyondItsBound_IsCompactedAndTheFileStaysSmall()
    {
        var path = Path.Combine(_directory, "bounded.db");
        await using (var store = SqliteStore.Open(new SqliteStoreOptions(path) { HistoryCommits = 200, HistoryAge = TimeSpan.Zero }))
        {
            var value = new byte[2000];
            for (var i = 0; i < 3000; i++)
            {
                await store.CommitAsync([new("/hot", value)]);
            }

            Assert.True(store.CompactedRevision > store.Revision - 600, $"compacted {store.CompactedRevision} of {store.Revision}");
        }

        Assert.InRange(new FileInfo(path).Length, 1, 4_000_000);
    }

    protected override ValueTask<IStore> OpenAsync() => ValueTask.FromResult<IStore>(SqliteStore.Open(new SqliteStoreOptions(DatabasePath)));

    protected override ValueTask DeleteAsync()
    {
        Directory.Delete(_directory, recursive: true);
        return ValueTask.CompletedTask;
    }
}
