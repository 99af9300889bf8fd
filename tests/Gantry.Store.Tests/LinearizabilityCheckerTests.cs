using System.Diagnostics;
using System.Threading.Channels;
using Gantry.Store.Contract.Linearizability;
using Gantry.Store.Sqlite;

namespace Gantry.Store.Tests;

/// <summary>The checker itself: what it must accept, and stores with a known mistake that it must find.</summary>
public sealed class LinearizabilityCheckerTests
{
    [Fact]
    public void Check_ReadBesideAWrite_MaySeeEither()
    {
        Assert.Null(Check(Put(1, 4, "a", "1"), Read(2, 3, "a", null)));
        Assert.Null(Check(Put(1, 4, "a", "1"), Read(2, 3, "a", "1")));
    }

    [Fact]
    public void Check_ReadAfterAWrite_MustSeeIt()
    {
        Assert.NotNull(Check(Put(1, 2, "a", "1"), Read(3, 4, "a", null)));
        Assert.NotNull(Check(Put(1, 2, "a", "1"), Put(3, 4, "a", "2"), Read(5, 6, "a", "1")));
    }

    [Fact]
    public void Check_TwoReadsInTurn_MayNotGoBack() =>
        Assert.NotNull(Check(Put(1, 2, "a", "1"), Put(3, 10, "a", "2"), Read(4, 5, "a", "2"), Read(6, 7, "a", "1")));

    [Fact]
    public void Check_UnknownWrite_MayHappenLaterOrNeverButNotTwice()
    {
        Assert.Null(Check(Put(1, 2, "a", "1"), Unknown(3, "a", "2"), Read(5, 6, "a", "1"), Read(7, 8, "a", "2")));
        Assert.Null(Check(Put(1, 2, "a", "1"), Unknown(3, "a", "2"), Read(5, 6, "a", "1"), Read(7, 8, "a", "1")));
        Assert.NotNull(Check(Put(1, 2, "a", "1"), Unknown(3, "a", "2"), Read(5, 6, "a", "2"), Put(7, 8, "a", "3"), Read(9, 10, "a", "2")));
    }

    [Fact]
    public void Check_UnknownWriteOfADeadProcess_MayNotHappenAfterItsEnd()
    {
        Assert.NotNull(Check(Put(1, 2, "a", "1"), Unknown(3, "a", "2", until: 4), Read(5, 6, "a", "1"), Read(7, 8, "a", "2")));
        Assert.Null(Check(Put(1, 2, "a", "1"), Unknown(3, "a", "2", until: 4), Read(5, 6, "a", "2"), Read(7, 8, "a", "2")));
    }

    [Fact]
    public void Check_CommitOfTwoKeys_IsSeenAsOne()
    {
        var both = new RecordedOperation { Called = 1, Returned = 4, Writes = [new("a", "1"), new("b", "2")], Outcome = RecordedOutcome.Done };

        Assert.NotNull(Check(both, Read(2, 3, "a", "1"), Read(4, 5, "b", null)));
        Assert.Null(Check(both, Read(2, 3, "b", null), Read(4, 5, "a", "1")));
    }

    [Fact]
    public void Check_ConflictWithAValueThatWasNotThere_IsWrong()
    {
        static RecordedOperation Conflict(string present) => new()
        {
            Called = 3,
            Returned = 4,
            Writes = [new("a", "2", Write.Absent)],
            Outcome = RecordedOutcome.Conflict,
            FailedWrite = 0,
            Present = present,
        };

        Assert.Null(Check(Put(1, 2, "a", "1"), Conflict("1")));
        Assert.NotNull(Check(Put(1, 2, "a", "1"), Conflict("7")));
    }

    [Fact]
    public void Check_RevisionsThatGoBack_AreWrong()
    {
        static RecordedOperation At(long called, string key, long revision) => new() { Called = called, Returned = called + 1, Writes = [new(key, $"{revision}")], Outcome = RecordedOutcome.Done, Revision = revision };

        Assert.Null(Check(At(1, "a", 5), At(3, "b", 6)));
        Assert.NotNull(Check(At(1, "a", 6), At(3, "b", 5)));
    }

    [Theory]
    [InlineData("acknowledges early")]
    [InlineData("reads stale")]
    [InlineData("loses an event")]
    [InlineData("doubles an event")]
    public async Task Trial_OfAStoreWithAMistake_FindsIt(string mistake)
    {
        var directory = Directory.CreateTempSubdirectory("gantry-store-");
        try
        {
            await using var store = SqliteStore.Open(new SqliteStoreOptions(Path.Combine(directory.FullName, "s.db")));
            var wrong = new MistakenStore(store, mistake);
            var trial = new StoreTrial(seed: 1);
            var began = Stopwatch.GetTimestamp();
            await trial.RunEpochAsync(wrong, () => trial.Count > 1500 || Stopwatch.GetElapsedTime(began) > TimeSpan.FromSeconds(10), () => wrong.SettleAsync());

            Assert.NotNull(await trial.JudgeAsync(wrong));
        }
        finally
        {
            directory.Delete(recursive: true);
        }
    }

    private static string? Check(params RecordedOperation[] history) => LinearizabilityChecker.Check(history);

    private static RecordedOperation Put(long called, long returned, string key, string value) =>
        new() { Called = called, Returned = returned, Writes = [new(key, value)], Outcome = RecordedOutcome.Done };

    private static RecordedOperation Unknown(long called, string key, string value, long until = long.MaxValue) =>
        new() { Called = called, Returned = until, Writes = [new(key, value)] };

    private static RecordedOperation Read(long called, long returned, string key, string? found) =>
        new() { Called = called, Returned = returned, Reads = [key], Found = [found], Outcome = RecordedOutcome.Done };

    /// <summary>A good store behind a wrapper that makes one mistake.</summary>
    private sealed class MistakenStore(IStore good, string mistake) : IStore
    {
        private readonly List<Task> _late = [];
        private int _events;

        public long Revision => good.Revision;

        public long CompactedRevision => good.CompactedRevision;

        public Task SettleAsync()
        {
            lock (_late)
            {
                return Task.WhenAll(_late);
            }
        }

        public async ValueTask<StoreEntry?> GetAsync(string key, CancellationToken cancellationToken = default)
        {
            if (mistake != "reads stale" || good.Revision < 3)
            {
                return await good.GetAsync(key, cancellationToken);
            }

            var page = await good.RangeAsync(new StoreRange(key, Revision: good.Revision - 2), cancellationToken);
            return page.Entries.FirstOrDefault(entry => entry.Key == key);
        }

        public ValueTask<StorePage> RangeAsync(StoreRange range, CancellationToken cancellationToken = default) => good.RangeAsync(range, cancellationToken);

        public async ValueTask<StoreCommit> CommitAsync(IReadOnlyList<StoreOperation> operations, CancellationToken cancellationToken = default)
        {
            if (mistake != "acknowledges early" || operations.Any(operation => operation.ExpectedModRevision is not null))
            {
                return await good.CommitAsync(operations, cancellationToken);
            }

            lock (_late)
            {
                _late.Add(Task.Run(async () =>
                {
                    await Task.Delay(5, CancellationToken.None);
                    await good.CommitAsync(operations, CancellationToken.None);
                }, CancellationToken.None));
            }

            return new StoreCommit(0);
        }

        public async ValueTask<IStoreWatch> WatchAsync(string prefix, long afterRevision, CancellationToken cancellationToken = default)
        {
            var watch = await good.WatchAsync(prefix, afterRevision, cancellationToken);
            var channel = Channel.CreateUnbounded<StoreEvent>();
            _ = Task.Run(async () =>
            {
                await foreach (var change in watch.Events.ReadAllAsync(CancellationToken.None))
                {
                    var odd = Interlocked.Increment(ref _events) % 100 == 50;
                    for (var copies = !odd ? 1 : mistake == "loses an event" ? 0 : mistake == "doubles an event" ? 2 : 1; copies > 0; copies--)
                    {
                        channel.Writer.TryWrite(change);
                    }
                }
            }, CancellationToken.None);
            return new Watch(watch, channel.Reader);
        }

        public ValueTask CompactAsync(long revision, CancellationToken cancellationToken = default) => good.CompactAsync(revision, cancellationToken);

        public ValueTask DisposeAsync() => good.DisposeAsync();
    }

    private sealed record Watch(IStoreWatch Good, ChannelReader<StoreEvent> Events) : IStoreWatch
    {
        public long Progress => Good.Progress;

        public ValueTask DisposeAsync() => Good.DisposeAsync();
    }
}
