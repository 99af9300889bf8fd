using Gantry.Faults;
using Gantry.Store.Sqlite.Commits;
using Gantry.Store.Tests.Disk;

namespace Gantry.Store.Tests;

/// <summary>The log of commits by itself: what it holds after it was interrupted, damaged, and used for long.</summary>
public sealed class CommitLogTests : IDisposable
{
    private const long Identity = 42;
    private readonly FaultyDisk _disk = new();

    private string DatabasePath => Path.Combine(_disk.Root, "s.db");

    private string[] LogFiles => [.. CommitLog.FilesOf(DatabasePath).Order(StringComparer.Ordinal)];

    public void Dispose() => _disk.Dispose();

    [Fact]
    public void Open_AfterAppends_HoldsThemWithTheirOrderAndContent()
    {
        using (var log = Open())
        {
            Append(log, 2, new LoggedChange(0, "/ä", Bytes("1"), 2), new LoggedChange(1, "/empty", Bytes(""), 2));
            Append(log, 3, new LoggedChange(0, "/ä", null, 2));
        }

        using var again = Open();
        var commits = again.TakeCommits();

        Assert.Equal([2L, 3L], commits.Select(commit => commit.Revision));
        Assert.Equal([(0, "/ä", "1", 2L), (1, "/empty", "", 2L)], commits[0].Changes.Select(Render));
        Assert.Equal([(0, "/ä", null, 2L)], commits[1].Changes.Select(Render));
        Assert.Equal(1002, commits[0].CommittedMs);
    }

    [Fact]
    public void Open_EveryByteOfTheLastFrameDamaged_EndsBeforeItOrIsRefused()
    {
        long whole, torn;
        using (var log = Open())
        {
            Append(log, 2, new LoggedChange(0, "/a", Bytes("first"), 2));
            whole = log.UsedBytes(0);
            Append(log, 3, new LoggedChange(0, "/b", Bytes("second"), 3));
            torn = log.UsedBytes(0);
        }

        var file = Assert.Single(LogFiles);
        var good = File.ReadAllBytes(file);
        for (var at = whole; at < torn; at++)
        {
            var bad = (byte[])good.Clone();
            bad[at] ^= 0x10;
            File.WriteAllBytes(file, bad);

            using var log = Open();
            Assert.Equal([2L], log.TakeCommits().Select(commit => commit.Revision));
        }
    }

    [Fact]
    public void Open_DamageBeforeWhatWasWrittenLater_IsDataLoss()
    {
        long first;
        using (var log = Open())
        {
            Append(log, 2, new LoggedChange(0, "/a", new byte[500], 2));
            first = log.UsedBytes(0);
            Append(log, 3, new LoggedChange(0, "/b", new byte[500], 3));
        }

        var file = Assert.Single(LogFiles);
        var bytes = File.ReadAllBytes(file);
        bytes[first - 200] ^= 1;
        File.WriteAllBytes(file, bytes);

        Assert.Equal(FaultKind.DataLoss, Assert.ThrowsAny<FaultException>(() => Open()).Kind);
    }

    [Fact]
    public void Open_SegmentMissing_IsDataLoss()
    {
        using (var log = Open())
        {
            for (var revision = 2; revision < 40; revision++)
            {
                Append(log, revision, new LoggedChange(0, "/a", new byte[20_000], 2));
            }
        }

        Assert.True(LogFiles.Length > 2);
        File.Delete(LogFiles[1]);

        var fault = Assert.ThrowsAny<FaultException>(() => Open());

        Assert.Equal(FaultKind.DataLoss, fault.Kind);
        Assert.Contains("are missing", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Open_LogOfAnotherStore_IsRefused()
    {
        using (var log = Open())
        {
            Append(log, 2, new LoggedChange(0, "/a", Bytes("1"), 2));
        }

        var fault = Assert.ThrowsAny<FaultException>(() => CommitLog.Open(DatabasePath, Identity + 1, 1, _disk.LogFiles));

        Assert.Equal(FaultKind.FailedPrecondition, fault.Kind);
        Assert.Contains("another store", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void BeginAnew_AfterAFailedSync_WhatWasInDoubtDoesNotCountThoughTheDiskHasIt()
    {
        using (var log = Open())
        {
            Append(log, 2, new LoggedChange(0, "/a", Bytes("1"), 2));
            _disk.Plan(1, DiskFault.Error, (call, _) => call == DiskCall.Sync);
            var fault = Assert.Throws<LogFault>(() => Append(log, 3, new LoggedChange(0, "/doubtful", Bytes("x"), 3)));
            Assert.False(fault.LeavesNoDoubt);
            var frame = new CommitFrame();
            frame.Begin(2);
            frame.End(1, 0);
            log.BeginAnew(frame, 2);
            Append(log, 3, new LoggedChange(0, "/b", Bytes("2"), 3));
        }

        // Nothing of the first file was lost: the frame in doubt is whole.
        Assert.Contains("/doubtful", System.Text.Encoding.UTF8.GetString(File.ReadAllBytes(LogFiles[0])), StringComparison.Ordinal);
        using var again = Open();
        Assert.Equal(["/a", "/b"], again.TakeCommits().SelectMany(commit => commit.Changes).Select(change => change.Key));
    }

    [Fact]
    public void Append_FullDisk_LeavesNoDoubtAndGoesOnWithRoom()
    {
        using (var log = Open())
        {
            Append(log, 2, new LoggedChange(0, "/a", Bytes("1"), 2));
            _disk.Plan(1, DiskFault.Full, (call, _) => call == DiskCall.Write, times: long.MaxValue);
            foreach (var size in new[] { 10, 100_000 })
            {
                var fault = Assert.Throws<LogFault>(() => Append(log, 3, new LoggedChange(0, "/refused", new byte[size], 3)));
                Assert.Equal((FaultKind.ResourceExhausted, true), (fault.Kind, fault.LeavesNoDoubt));
            }

            _disk.Heal();
            Append(log, 3, new LoggedChange(0, "/b", Bytes("2"), 3));
        }

        using var again = Open();
        Assert.Equal(["/a", "/b"], again.TakeCommits().SelectMany(commit => commit.Changes).Select(change => change.Key));
    }

    [Fact]
    public void Append_DiskFullAtEachWriteOfANewSegment_LosesNothingThatComesAfter()
    {
        var number = 1;
        for (var failed = true; failed; number++)
        {
            using var disk = new FaultyDisk();
            var path = Path.Combine(disk.Root, "s.db");
            using (var log = CommitLog.Open(path, Identity, 1, disk.LogFiles))
            {
                Append(log, 2, new LoggedChange(0, "/a", Bytes("1"), 2));
                disk.Plan(number, DiskFault.Full, (call, _) => call == DiskCall.Write);
                failed = Record.Exception(() => Append(log, 3, new LoggedChange(0, "/large", new byte[200_000], 3))) is LogFault;
                Assert.Equal(failed, disk.Failed);
                if (failed)
                {
                    Append(log, 3, new LoggedChange(0, "/small", Bytes("2"), 3));
                }
            }

            using var again = CommitLog.Open(path, Identity, 1, disk.LogFiles);
            Assert.Equal(["/a", failed ? "/small" : "/large"], again.TakeCommits().SelectMany(commit => commit.Changes).Select(change => change.Key));
        }

        Assert.True(number > 4, $"only {number} writes were seen");
    }

    [Fact]
    public void Release_WhileMuchIsAppended_KeepsFewFilesAndNothingThatCountsIsLost()
    {
        const int last = 2000;
        using (var log = Open())
        {
            for (var revision = 2; revision <= last; revision++)
            {
                Append(log, revision, new LoggedChange(0, "/a", new byte[100_000], 2));
                log.Release(revision - 20);
            }

            // 200 MB went through it.
            Assert.InRange(log.SizeBytes, 1, 120 << 20);
        }

        using var again = Open(applied: last - 20);
        Assert.Equal(Enumerable.Range(last - 19, 20).Select(revision => (long)revision), again.TakeCommits().Select(commit => commit.Revision));
    }

    private static ReadOnlyMemory<byte> Bytes(string text) => System.Text.Encoding.UTF8.GetBytes(text);

    private static (int Index, string Key, string? Value, long Created) Render(LoggedChange change) =>
        (change.Index, change.Key, change.Value is { } value ? System.Text.Encoding.UTF8.GetString(value.Span) : null, change.CreateRevision);

    private static void Append(CommitLog log, long revision, params LoggedChange[] changes)
    {
        var frame = new CommitFrame();
        frame.Begin(revision - 1);
        frame.BeginCommit(revision, 1000 + revision);
        foreach (var change in changes)
        {
            frame.Add(change.Index, change.Key, change.Value, change.CreateRevision);
        }

        frame.End(1, 0);
        log.Append(frame, revision);
    }

    private CommitLog Open(long applied = 1) => CommitLog.Open(DatabasePath, Identity, applied, _disk.LogFiles);
}
