using Gantry.Faults;
using Gantry.Store.Contract;
using Gantry.Store.Sqlite;
using Gantry.Store.Sqlite.Commits;

namespace Gantry.Store.Tests;

public sealed class SqliteStoreTests : StoreContractTests
{
    private readonly string _directory = Directory.CreateTempSubdirectory("gantry-store-").FullName;

    private string DatabasePath => Path.Combine(_directory, "state.db");

    [Fact]
    public void Open_FileInUse_SaysSo()
    {
        // The lock is between open files, so a second one in this process stands for a second process.
        var fault = Assert.ThrowsAny<FaultException>(() => SqliteStore.Open(new SqliteStoreOptions(DatabasePath)));

        Assert.Equal(FaultKind.FailedPrecondition, fault.Kind);
        Assert.Contains("another gantryd", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Open_FileOfANewerVersion_IsRefusedAndLeftAlone()
    {
        var path = Path.Combine(_directory, "newer.db");
        await SqliteStore.Open(new SqliteStoreOptions(path)).DisposeAsync();
        Execute(path, "UPDATE meta SET value = 4 WHERE name = 'format'");

        var fault = Assert.ThrowsAny<FaultException>(() => SqliteStore.Open(new SqliteStoreOptions(path)));

        Assert.Equal(FaultKind.FailedPrecondition, fault.Kind);
        Assert.Contains("format 4, written by a newer gantryd", fault.Message, StringComparison.Ordinal);
        using var file = SqliteFile.Open(path);
        Assert.Equal(4, file.ReadMeta("format", 0));
    }

    [Fact]
    public async Task Open_FileOfFormatOne_IsBroughtUpToDateWithItsContent()
    {
        var path = Path.Combine(_directory, "old.db");
        using (var file = SqliteFile.Open(path, create: true))
        {
            // As format 1 had it: no commit times, no identity, and no auto_vacuum.
            file.Execute("PRAGMA auto_vacuum=NONE; VACUUM");
            file.Execute("CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID");
            file.Execute("CREATE TABLE log (id INTEGER PRIMARY KEY, key TEXT NOT NULL, value BLOB, created INTEGER NOT NULL)");
            file.Execute("INSERT INTO meta VALUES ('format', 1), ('compacted', 3)");
            file.Execute("INSERT INTO log VALUES (2048, '/a', x'31', 2), (3072, '/b', x'31', 3), (4096, '/a', x'32', 2), (5120, '/b', NULL, 3)");
        }

        await using var store = SqliteStore.Open(new SqliteStoreOptions(path));

        Assert.Equal("/a=2", Render(await store.RangeAsync(new StoreRange("/"))));
        Assert.Equal("/a=1 /b=1", Render(await store.RangeAsync(new StoreRange("/", Revision: 3))));
        Assert.Equal((5L, 3L), (store.Revision, store.CompactedRevision));
        Assert.Equal(3, (await store.GetSpanAsync()).OldestRevision);
        Assert.Equal(6, (await store.CommitAsync([new("/c", Bytes("3"))])).Revision);
    }

    [Fact]
    public async Task Open_PageDamagedAfterAKill_IsRefusedByTheFullCheck()
    {
        var path = Path.Combine(_directory, "damaged.db");
        var copy = Path.Combine(_directory, "copy.db");
        await using (var store = SqliteStore.Open(new SqliteStoreOptions(path)))
        {
            for (var i = 0; i < 200; i++)
            {
                await store.CommitAsync([new($"/{i}", new byte[2000])]);
            }

            await store.CompactAsync(store.Revision);
        }

        await using (var store = SqliteStore.Open(new SqliteStoreOptions(path)))
        {
            // What a kill leaves: the file with the logs of SQLite and of the store.
            await store.CommitAsync([new("/last", Bytes("x"))]);
            await store.CompactAsync(store.Revision);
            await WaitForAsync(() => SqliteFile.WasLeftOpen(path));
            foreach (var file in CommitLog.FilesOf(path).Append(path).Append(path + "-wal"))
            {
                File.Copy(file, copy + file[path.Length..]);
            }
        }

        using (var file = new FileStream(copy, FileMode.Open))
        {
            file.Position = 20 * 8192;
            file.Write(new byte[4096]);
        }

        var fault = Assert.ThrowsAny<FaultException>(() => SqliteStore.Open(new SqliteStoreOptions(copy)));

        Assert.Equal(FaultKind.DataLoss, fault.Kind);
        Assert.Contains("restore it from a backup", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Open_FileOfAnotherFormat_IsRefusedAsDamaged()
    {
        var path = Path.Combine(_directory, "other.db");
        File.WriteAllText(path, new string('x', 8192));

        var fault = Assert.ThrowsAny<FaultException>(() => SqliteStore.Open(new SqliteStoreOptions(path)));

        Assert.Equal(FaultKind.DataLoss, fault.Kind);
    }

    [Fact]
    public async Task History_BeyondItsBound_IsCompactedAndTheFileStaysSmall()
    {
        var path = Path.Combine(_directory, "bounded.db");
        await using (var store = SqliteStore.Open(new SqliteStoreOptions(path) { WindowCommits = 200, WindowAge = TimeSpan.Zero, HistorySpan = TimeSpan.Zero }))
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

    private static void Execute(string path, string sql)
    {
        using var file = SqliteFile.Open(path);
        file.Execute(sql);
    }

    protected override ValueTask<IStore> OpenAsync() => ValueTask.FromResult<IStore>(SqliteStore.Open(new SqliteStoreOptions(DatabasePath)));

    protected override ValueTask DeleteAsync()
    {
        Directory.Delete(_directory, recursive: true);
        return ValueTask.CompletedTask;
    }
}
