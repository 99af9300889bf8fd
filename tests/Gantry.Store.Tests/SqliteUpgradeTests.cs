using System.Globalization;
using Gantry.Faults;
using Gantry.Store.Sqlite;
using Gantry.Store.Tests.Disk;

namespace Gantry.Store.Tests;

/// <summary>Files of format 2, with a history and a window, opened by this version.</summary>
public sealed class SqliteUpgradeTests
{
    [Fact]
    public async Task Open_FileOfFormatTwo_KeepsPresentWindowHistoryAndSnapshots()
    {
        using var disk = new FaultyDisk();
        var options = MakeOld(disk);
        for (var opening = 0; opening < 2; opening++)
        {
            await using var store = SqliteStore.Open(options);
            await CheckAsync(store, opening);
            await store.CheckAsync();
            Assert.Equal(8 + opening, (await store.CommitAsync([new("/new", Bytes("x"))])).Revision);
        }
    }

    [Theory]
    [InlineData("Crash")]
    [InlineData("Error")]
    [InlineData("Full")]
    public async Task Open_FileOfFormatTwoInterruptedAtEachCall_LosesNothing(string fault)
    {
        var number = 1;
        for (var failed = true; failed; number++)
        {
            using var disk = new FaultyDisk();
            var options = MakeOld(disk);
            disk.Plan(number, Enum.Parse<DiskFault>(fault));
            SqliteStore? store = null;
            try
            {
                store = SqliteStore.Open(options);
            }
            catch (FaultException failure) when (disk.Failed && failure.Kind is FaultKind.Unavailable or FaultKind.ResourceExhausted)
            {
                // The next start does it.
            }

            if (store is not null)
            {
                await store.DisposeAsync();
            }

            failed = disk.Failed;
            disk.RestorePower(new Random(number));
            await using var reopened = SqliteStore.Open(options);
            await CheckAsync(reopened, 0);
        }

        Assert.True(number > 20, $"only {number} calls were seen");
    }

    [Fact]
    public async Task Restore_BackupOfFormatTwo_IsBroughtUpToDate()
    {
        using var disk = new FaultyDisk();
        var old = MakeOld(disk);
        var restored = old with { Path = Path.Combine(disk.Root, "restored.db") };

        SqliteStore.Restore(old.Path, restored);

        await using var store = SqliteStore.Open(restored);
        await CheckAsync(store, 0);
    }

    private static SqliteStoreOptions MakeOld(FaultyDisk disk)
    {
        var options = new SqliteStoreOptions(Path.Combine(disk.Root, "old.db")) { LogFiles = disk.LogFiles };
        var now = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds().ToString(CultureInfo.InvariantCulture);
        using (var file = SqliteFile.Open(options.Path, create: true))
        {
            file.Execute("CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID");
            file.Execute("CREATE TABLE log (id INTEGER PRIMARY KEY, key TEXT NOT NULL, created INTEGER NOT NULL, committed INTEGER NOT NULL, value BLOB)");
            file.Execute($"INSERT INTO meta VALUES ('format', 2), ('identity', 77), ('compacted', 5), ('compacted_time', {now})");
            // /a: 1 at revision 2 (already in the history and deleted here), 2 at 3 (in the history, not deleted yet), 3 at 5 (superseded in the window), 4
            // at 6. /b was created at 4 and deleted at 7. /c was created at 2 and deleted at 5, which the history does not have yet.
            file.Execute($"INSERT INTO log VALUES (2049, '/c', 2, {now}, x'31'), (3072, '/a', 2, {now}, x'32'), (4096, '/b', 4, {now}, x'31'), (5120, '/a', 2, {now}, x'33'), (5121, '/c', 2, {now}, NULL), (6144, '/a', 2, {now}, x'34'), (7168, '/b', 4, {now}, NULL)");
        }

        using (var file = SqliteFile.Open(options.HistoryPath, create: true))
        {
            file.Execute("CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID");
            file.Execute("CREATE TABLE keys (kid INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE)");
            file.Execute("CREATE TABLE versions (seq INTEGER PRIMARY KEY, kid INTEGER NOT NULL, id INTEGER NOT NULL, created INTEGER NOT NULL, committed INTEGER NOT NULL, value BLOB)");
            file.Execute("CREATE INDEX versions_by_key ON versions (kid)");
            file.Execute("CREATE TABLE times (first INTEGER PRIMARY KEY, base INTEGER NOT NULL, packed BLOB NOT NULL)");
            file.Execute("CREATE INDEX times_by_time ON times (base)");
            file.Execute("CREATE TABLE snapshots (name TEXT PRIMARY KEY, revision INTEGER NOT NULL, committed INTEGER NOT NULL, made INTEGER NOT NULL) WITHOUT ROWID");
            file.Execute($"INSERT INTO meta VALUES ('format', 1), ('identity', 77), ('floor', 1), ('floor_time', {now}), ('through', 3)");
            file.Execute($"INSERT INTO keys VALUES (1, '/a'); INSERT INTO versions VALUES (6144, 1, 2048, 2, {now}, x'31')");
            file.Execute($"INSERT INTO times VALUES (2, {now}, x'0000'); INSERT INTO snapshots VALUES ('two', 2, {now}, {now})");
        }

        return options;
    }

    private static async Task CheckAsync(SqliteStore store, int commits)
    {
        Assert.Equal((7L + commits, 5L), (store.Revision, store.CompactedRevision));
        Assert.Equal("/a=4", Render(await store.RangeAsync(new StoreRange("/a"))));
        Assert.Equal("/a=3 /b=1", Render(await store.RangeAsync(new StoreRange("/", Revision: 5))));
        Assert.Equal("/a=4 /b=1", Render(await store.RangeAsync(new StoreRange("/", Revision: 6))));
        Assert.Null(await store.GetAsync("/b"));
        Assert.Equal((2L, 6L), ((await store.GetAsync("/a"))!.CreateRevision, (await store.GetAsync("/a"))!.ModRevision));
        await using var watch = await store.WatchAsync("/", 5);
        Assert.True(watch.Events.TryRead(out var change));
        Assert.Equal(("/a", 6L, "4", "3"), (change.Key, change.Revision, Text(change.Value), Text(change.Previous)));
        Assert.True(watch.Events.TryRead(out var deletion));
        Assert.Equal(("/b", 7L, "null", "1"), (deletion.Key, deletion.Revision, Text(deletion.Value), Text(deletion.Previous)));
        Assert.Equal(["4@6", "3@5", "2@3", "1@2"], (await store.GetVersionsAsync("/a")).Select(version => $"{Text(version.Value)}@{version.Revision}"));
        Assert.Equal(["null@5", "1@2"], (await store.GetVersionsAsync("/c")).Select(version => $"{Text(version.Value)}@{version.Revision}"));
        Assert.Equal("/a=2 /b=1 /c=1", Render(await store.RangeAtAsync(new StoreRange("/", Revision: 4))));
        Assert.Equal("two", Assert.Single(await store.ListSnapshotsAsync()).Name);
        Assert.Equal("/a=1 /c=1", Render(await store.RangeAtAsync(new StoreRange("/", Revision: 2))));
    }

    private static ReadOnlyMemory<byte> Bytes(string text) => System.Text.Encoding.UTF8.GetBytes(text);

    private static string Text(ReadOnlyMemory<byte>? value) => value is { } bytes ? System.Text.Encoding.UTF8.GetString(bytes.Span) : "null";

    private static string Render(StorePage page) => string.Join(' ', page.Entries.Select(entry => $"{entry.Key}={Text(entry.Value)}"));
}
