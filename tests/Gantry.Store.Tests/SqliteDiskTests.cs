using Gantry.Faults;
using Gantry.Store.Sqlite;
using Gantry.Store.Tests.Disk;

namespace Gantry.Store.Tests;

/// <summary>Every call to the disk fails once, in every way: nothing acknowledged is lost, and nothing refused is there.</summary>
public sealed class SqliteDiskTests
{
    private const int Commits = 10;

    [Theory]
    [InlineData("Full")]
    [InlineData("Error")]
    [InlineData("Torn")]
    [InlineData("Crash")]
    public async Task Commit_EachCallFails_KeepsWhatWasAcknowledged(string fault)
    {
        using var disk = new FaultyDisk();
        var number = 1;
        while (await new DiskRun(disk, Path.Combine(disk.Root, $"{number}.db"), seed: number).RunAsync(number, Enum.Parse<DiskFault>(fault), Commits))
        {
            number++;
        }

        Assert.True(number > 80, $"only {number} calls were seen");
    }

    [Fact]
    public async Task Commit_EachReadFails_IsToldOrOvercomeAndNothingIsWrong()
    {
        using var disk = new FaultyDisk();
        var path = Path.Combine(disk.Root, "s.db");
        var number = 1;
        // The second run opens what the first one left, so that there is something to read.
        await new DiskRun(disk, path, seed: 0).RunAsync(long.MaxValue, DiskFault.Error, Commits);
        while (await new DiskRun(disk, path, seed: number).RunAsync(number, DiskFault.Error, Commits, (call, _) => call == DiskCall.Read))
        {
            number++;
        }

        Assert.True(number > 20, $"only {number} reads were seen");
    }

    [Fact]
    public async Task Commit_FullDisk_IsRefusedReadsGoOnAndWritesWorkAgainWithRoom()
    {
        using var disk = new FaultyDisk();
        await using var store = SqliteStore.Open(new SqliteStoreOptions(Path.Combine(disk.Root, "s.db")) { LogFiles = disk.LogFiles });
        await store.CommitAsync([new("/a", Bytes("1"))]);
        disk.Plan(1, DiskFault.Full, times: long.MaxValue);

        for (var i = 0; i < 3; i++)
        {
            var fault = await Assert.ThrowsAnyAsync<FaultException>(async () => await store.CommitAsync([new("/a", Bytes("2"))]));
            Assert.Equal(FaultKind.ResourceExhausted, fault.Kind);
            Assert.Contains("no space left", fault.Message, StringComparison.Ordinal);
        }

        Assert.Equal(Bytes("1").ToArray(), (await store.GetAsync("/a"))!.Value.ToArray());
        disk.Heal();
        Assert.True((await store.CommitAsync([new("/a", Bytes("3"))])).Succeeded);
    }

    [Fact]
    public async Task Commit_SyncFailsForAWhile_RefusesWritesAndComesBackWithoutARestart()
    {
        using var disk = new FaultyDisk();
        var path = Path.Combine(disk.Root, "s.db");
        var options = new SqliteStoreOptions(path) { LogFiles = disk.LogFiles };
        await using (var store = SqliteStore.Open(options))
        {
            await store.CommitAsync([new("/a", Bytes("1"))]);
            await using var watch = await store.WatchAsync("/", store.Revision);
            disk.Plan(1, DiskFault.Error, (call, _) => call == DiskCall.Sync, times: long.MaxValue);

            var unknown = await Assert.ThrowsAnyAsync<FaultException>(async () => await store.CommitAsync([new("/a", Bytes("2"))]));
            Assert.Equal(FaultKind.Unavailable, unknown.Kind);
            var refused = await Assert.ThrowsAnyAsync<FaultException>(async () => await store.CommitAsync([new("/b", Bytes("2"))]));
            Assert.Contains("writes are refused", refused.Message, StringComparison.Ordinal);
            Assert.NotNull(await store.GetAsync("/a"));

            disk.Heal();
            var commit = await AgainAsync(() => store.CommitAsync([new("/c", Bytes("3"))]));

            // What was in doubt was settled from the file before anything else was acknowledged, and watchers heard of it.
            var seen = new List<string>();
            while (seen.Count == 0 || seen[^1] != "/c")
            {
                seen.Add((await watch.Events.ReadAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(10))).Key);
            }

            var written = (await store.GetAsync("/a"))!.Value.Span.SequenceEqual(Bytes("2").Span);
            Assert.Equal(written ? ["/a", "/c"] : ["/c"], seen);
            Assert.Equal(commit.Revision, store.Revision);
        }

        disk.RestorePower(new Random(1));
        await using var reopened = SqliteStore.Open(options);
        Assert.NotNull(await reopened.GetAsync("/c"));
    }

    [Fact]
    public async Task Commit_ManyWhileTheDiskStaysBroken_AllAreAnswered()
    {
        using var disk = new FaultyDisk();
        await using var store = SqliteStore.Open(new SqliteStoreOptions(Path.Combine(disk.Root, "s.db")) { LogFiles = disk.LogFiles });
        disk.Plan(1, DiskFault.Error, (call, _) => call == DiskCall.Sync, times: long.MaxValue);

        for (var round = 0; round < 20; round++)
        {
            var commits = Enumerable.Range(0, 16).Select(number => Task.Run(async () => await store.CommitAsync([new($"/{number}", Bytes("x"))]))).ToList();
            foreach (var commit in commits)
            {
                var fault = await Assert.ThrowsAnyAsync<FaultException>(() => commit.WaitAsync(TimeSpan.FromSeconds(20)));
                Assert.Equal(FaultKind.Unavailable, fault.Kind);
            }
        }
    }

    [Fact]
    public async Task Backup_FullDisk_FailsAndLeavesNothingBehind()
    {
        using var disk = new FaultyDisk();
        await using var store = SqliteStore.Open(new SqliteStoreOptions(Path.Combine(disk.Root, "s.db")) { LogFiles = disk.LogFiles });
        await store.CommitAsync([new("/a", new byte[100_000])]);
        disk.Plan(1, DiskFault.Full, (call, path) => call == DiskCall.Write && path.Contains("copy", StringComparison.Ordinal), times: long.MaxValue);
        var copy = Path.Combine(disk.Root, "copy.db");

        var fault = await Assert.ThrowsAnyAsync<FaultException>(async () => await store.BackupAsync(copy));

        Assert.Equal(FaultKind.ResourceExhausted, fault.Kind);
        Assert.False(File.Exists(copy));
        disk.Heal();
        await store.BackupAsync(copy);
        Assert.True((await store.CommitAsync([new("/a", Bytes("1"))])).Succeeded);
    }

    private static ReadOnlyMemory<byte> Bytes(string text) => System.Text.Encoding.UTF8.GetBytes(text);

    [Fact]
    public async Task Snapshot_WhileTheHistoryCannotBeWrittenOrOpened_FailsAndWorksAgainWithTheDisk()
    {
        using var disk = new FaultyDisk();
        await using var store = SqliteStore.Open(new SqliteStoreOptions(Path.Combine(disk.Root, "s.db")) { LogFiles = disk.LogFiles });
        await store.CommitAsync([new("/a", Bytes("1"))]);
        disk.Plan(1, DiskFault.Error, static (_, path) => path.Contains("-history", StringComparison.Ordinal), times: long.MaxValue);

        for (var i = 0; i < 3; i++)
        {
            await Assert.ThrowsAnyAsync<FaultException>(async () => await store.CreateSnapshotAsync("s").AsTask().WaitAsync(TimeSpan.FromSeconds(60)));
        }

        disk.Heal();
        var made = await AgainAsync(() => store.CreateSnapshotAsync("again"));
        Assert.Equal(store.Revision, made.Revision);
        Assert.Contains(await store.ListSnapshotsAsync(), snapshot => snapshot.Name == "again");
    }

    private static async Task<T> AgainAsync<T>(Func<ValueTask<T>> commit)
    {
        for (var deadline = DateTime.UtcNow.AddSeconds(30); ;)
        {
            try
            {
                return await commit();
            }
            catch (FaultException) when (DateTime.UtcNow < deadline)
            {
                await Task.Delay(10);
            }
        }
    }
}
