using System.Globalization;
using Gantry.Faults;
using Gantry.Store.Sqlite;
using Gantry.Store.Sqlite.Commits;

namespace Gantry.Store.Tests;

/// <summary>Copies of a store: while it is written, as of a revision, and back.</summary>
public sealed class SqliteBackupTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("gantry-store-").FullName;

    private SqliteStoreOptions Options => new(Path.Combine(_directory, "state.db")) { WindowCommits = 50, WindowAge = TimeSpan.Zero };

    private string Backup => Path.Combine(_directory, "copies", "backup.db");

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public async Task Backup_WhileCommitsGoOn_HoldsAllThatWasAcknowledgedBefore()
    {
        Directory.CreateDirectory(Path.GetDirectoryName(Backup)!);
        await using var store = SqliteStore.Open(Options);
        await store.CommitAsync([new("/first", Bytes("1"))]);
        await store.CreateSnapshotAsync("first");
        using var stop = new CancellationTokenSource();
        var writer = Task.Run(async () =>
        {
            for (var i = 0; !stop.IsCancellationRequested; i++)
            {
                await store.CommitAsync([new("/first", null), new("/count", Bytes($"{i}")), new($"/key/{i % 100}", new byte[3000])]);
            }
        });
        await WaitForRevisionAsync(store, 400);

        var before = int.Parse(Text((await store.GetAsync("/count"))!.Value), CultureInfo.InvariantCulture);
        await store.BackupAsync(Backup);
        await WaitForRevisionAsync(store, store.Revision + 100);
        await stop.CancelAsync();
        await writer;

        var restored = Options with { Path = Path.Combine(_directory, "restored", "state.db") };
        SqliteStore.Restore(Backup, restored);
        await using var copy = SqliteStore.Open(restored);
        var count = int.Parse(Text((await copy.GetAsync("/count"))!.Value), CultureInfo.InvariantCulture);
        Assert.True(count >= before, $"{count} in the backup, {before} before it");
        var snapshot = Assert.Single(await copy.ListSnapshotsAsync());
        Assert.Equal("/first", Assert.Single((await copy.RangeAtAsync(new StoreRange("/", Revision: snapshot.Revision))).Entries).Key);
        Assert.True((await copy.CommitAsync([new("/after", Bytes("1"))])).Succeeded);
        await copy.CheckAsync();
    }

    [Fact]
    public async Task CopyAt_RevisionOfThePast_IsAStoreThatGoesOnFromThere()
    {
        Directory.CreateDirectory(Path.GetDirectoryName(Backup)!);
        await using var store = SqliteStore.Open(Options);
        var created = (await store.CommitAsync([new("/a", Bytes("1"))])).Revision;
        var changed = (await store.CommitAsync([new("/a", Bytes("2")), new("/b", Bytes("1"))])).Revision;
        await store.CommitAsync([new("/a", Bytes("3")), new("/b", null)]);
        await store.CompactAsync(store.Revision);

        await store.CopyAtAsync(Backup, changed);

        await using var copy = SqliteStore.Open(Options with { Path = Backup });
        Assert.Equal(["/a=2", "/b=1"], (await copy.RangeAsync(new StoreRange("/"))).Entries.Select(entry => $"{entry.Key}={Text(entry.Value)}"));
        Assert.Equal((changed, changed), (copy.Revision, copy.CompactedRevision));
        Assert.Equal((created, changed), ((await copy.GetAsync("/a"))!.CreateRevision, (await copy.GetAsync("/a"))!.ModRevision));
        Assert.Equal(changed + 1, (await copy.CommitAsync([new("/a", Bytes("x"), changed)])).Revision);
    }

    [Fact]
    public async Task Check_LogDamagedWhileOpen_SaysSo()
    {
        await using var store = SqliteStore.Open(Options);
        await store.CommitAsync([new("/a", new byte[2000])]);
        await store.CheckAsync();
        using (var file = new FileStream(Assert.Single(CommitLog.FilesOf(Options.Path)), FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
        {
            file.Position = 1000;
            file.WriteByte(1);
        }

        Assert.Equal(FaultKind.DataLoss, (await Assert.ThrowsAnyAsync<FaultException>(async () => await store.CheckAsync())).Kind);
    }

    [Fact]
    public async Task Backup_PlaceTaken_IsRefused()
    {
        Directory.CreateDirectory(Path.GetDirectoryName(Backup)!);
        await using var store = SqliteStore.Open(Options);
        await File.WriteAllTextAsync(Backup, "mine");

        var backup = await Assert.ThrowsAnyAsync<FaultException>(async () => await store.BackupAsync(Backup));
        var copy = await Assert.ThrowsAnyAsync<FaultException>(async () => await store.CopyAtAsync(Backup));

        Assert.Equal((FaultKind.AlreadyExists, FaultKind.AlreadyExists), (backup.Kind, copy.Kind));
        Assert.Equal("mine", await File.ReadAllTextAsync(Backup));
    }

    [Fact]
    public async Task Restore_OverAStoreOrFromDamage_IsRefused()
    {
        Directory.CreateDirectory(Path.GetDirectoryName(Backup)!);
        await using (var store = SqliteStore.Open(Options))
        {
            for (var i = 0; i < 100; i++)
            {
                await store.CommitAsync([new($"/{i}", new byte[2000])]);
            }

            await store.BackupAsync(Backup);
        }

        Assert.Equal(FaultKind.AlreadyExists, Assert.ThrowsAny<FaultException>(() => SqliteStore.Restore(Backup, Options)).Kind);

        using (var file = new FileStream(Backup, FileMode.Open))
        {
            file.Position = 10 * 8192;
            file.Write(new byte[8192]);
        }

        var elsewhere = Options with { Path = Path.Combine(_directory, "elsewhere", "state.db") };
        Assert.Equal(FaultKind.DataLoss, Assert.ThrowsAny<FaultException>(() => SqliteStore.Restore(Backup, elsewhere)).Kind);
        Assert.False(File.Exists(elsewhere.Path));
    }

    [Fact]
    public async Task Defragment_AfterMuchWasDeleted_MakesTheFilesSmall()
    {
        await using var store = SqliteStore.Open(Options with { HistorySpan = TimeSpan.Zero });
        for (var i = 0; i < 20; i++)
        {
            await store.CommitAsync([.. Enumerable.Range(0, 100).Select(n => new StoreOperation($"/{i}/{n}", new byte[2000]))]);
        }

        var full = await store.GetStatusAsync();
        for (var i = 0; i < 20; i++)
        {
            await store.CommitAsync([.. Enumerable.Range(0, 100).Select(n => new StoreOperation($"/{i}/{n}", null))]);
        }

        await store.CompactAsync(store.Revision);
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        while ((await store.GetStatusAsync()).UsedBytes > full.UsedBytes / 4)
        {
            await Task.Delay(20, limit.Token);
        }

        await store.DefragmentAsync();

        var small = await store.GetStatusAsync();
        Assert.True(small.SizeBytes < full.SizeBytes / 2, $"{full} became {small}");
        Assert.Equal(("sqlite", store.Revision, store.CompactedRevision), (small.Engine, small.Revision, small.CompactedRevision));
        Assert.True((await store.CommitAsync([new("/a", Bytes("1"))])).Succeeded);
    }

    private static ReadOnlyMemory<byte> Bytes(string text) => System.Text.Encoding.UTF8.GetBytes(text);

    private static string Text(ReadOnlyMemory<byte> value) => System.Text.Encoding.UTF8.GetString(value.Span);

    private static async Task WaitForRevisionAsync(IStore store, long revision)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        while (store.Revision < revision)
        {
            await Task.Delay(5, limit.Token);
        }
    }
}
