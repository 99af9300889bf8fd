using System.Text;
using Gantry.Faults;
using Gantry.Store.Sqlite;

namespace Gantry.Store.Tests.Disk;

/// <summary>
/// One store, a handful of commits, one fault: then what was acknowledged is compared with what the store says, while it is open and after it was
/// opened again, in the present and in its history.
/// </summary>
internal sealed class DiskRun(FaultyDisk disk, string path, int seed)
{
    private readonly SqliteStoreOptions _options = new(path) { LogFiles = disk.LogFiles, WindowCommits = 1, WindowAge = TimeSpan.Zero };
    private readonly Dictionary<string, string> _acknowledged = [];
    private readonly Dictionary<long, string> _past = [];

    // Commits whose outcome their writer was not told: each may be there or not.
    private readonly Dictionary<string, string?> _inDoubt = [];

    /// <summary>Runs with the given call failing; false when there were fewer calls, so that none failed.</summary>
    public async Task<bool> RunAsync(long number, DiskFault fault, int commits, Func<DiskCall, string, bool>? which = null)
    {
        disk.Plan(number, fault, which);
        var store = await OpenAsync();
        bool failed;
        try
        {
            for (var i = 0; i < commits && !disk.IsDead; i++)
            {
                await CommitAsync(store, i);
            }

            if (!disk.IsDead)
            {
                await CompactAsync(store);
                await CheckAsync(store, "while open");
                await CheckWritableAsync(store);
            }
        }
        finally
        {
            failed = disk.Failed;
            await store.DisposeAsync();
        }

        disk.RestorePower(new Random(seed));
        await using var reopened = SqliteStore.Open(_options);
        await CheckAsync(reopened, "opened again");
        await reopened.CheckAsync();
        await CheckWritableAsync(reopened);
        return failed;
    }

    private async Task<SqliteStore> OpenAsync()
    {
        for (var attempt = 0; ; attempt++)
        {
            try
            {
                return SqliteStore.Open(_options);
            }
            catch (FaultException failure) when (disk.Failed && attempt == 0 && failure.Kind is FaultKind.Unavailable or FaultKind.ResourceExhausted)
            {
                // A fault at the start is told; the next start must do.
                if (disk.IsDead)
                {
                    disk.RestorePower(new Random(seed));
                }
            }
        }
    }

    private async Task CommitAsync(SqliteStore store, int i)
    {
        var key = $"/k{i % 3}";
        var value = $"{i}";
        try
        {
            var commit = await store.CommitAsync([new(key, Encoding.UTF8.GetBytes(value)), new("/all", new byte[24_000])]);
            _acknowledged[key] = value;
            _inDoubt.Remove(key);
            _past[commit.Revision] = value;
        }
        catch (FaultException failure) when (disk.Failed)
        {
            var told = failure.Kind == FaultKind.ResourceExhausted || failure.Message.Contains("nothing was written", StringComparison.Ordinal)
                || failure.Message.Contains("writes are refused", StringComparison.Ordinal);
            if (!told)
            {
                _inDoubt[key] = value;
            }
        }
    }

    private static async Task CompactAsync(SqliteStore store)
    {
        try
        {
            await store.CompactAsync(store.Revision);
        }
        catch (FaultException failure) when (failure.Kind is FaultKind.Unavailable or FaultKind.ResourceExhausted)
        {
            // A compaction may fail; what it would have forgotten is then still there.
        }
    }

    private async Task CheckAsync(SqliteStore store, string when)
    {
        foreach (var (key, value) in _acknowledged)
        {
            var found = await store.GetAsync(key) is { } entry ? Encoding.UTF8.GetString(entry.Value.Span) : null;
            Assert.True(found == value || (_inDoubt.TryGetValue(key, out var doubtful) && found == doubtful), $"seed {seed}, {when}: {key} is {found}, {value} was acknowledged");
        }

        foreach (var (revision, value) in _past)
        {
            try
            {
                var page = await store.RangeAtAsync(new StoreRange("/k", Revision: revision));
                Assert.Contains(value, page.Entries.Select(entry => Encoding.UTF8.GetString(entry.Value.Span)));
            }
            catch (FaultException failure) when (disk.Failed && failure.Kind is FaultKind.Unavailable or FaultKind.ResourceExhausted)
            {
                // The history cannot be read while its own file fails.
            }
        }
    }

    private async Task CheckWritableAsync(SqliteStore store)
    {
        // The fault may come only here; after it, unless it was the end of everything, the store must take writes again.
        for (var deadline = DateTime.UtcNow.AddSeconds(30); !disk.IsDead;)
        {
            try
            {
                await store.CommitAsync([new("/after", Encoding.UTF8.GetBytes("x"))]);
                return;
            }
            catch (FaultException failure) when (DateTime.UtcNow < deadline && failure.Kind is FaultKind.Unavailable or FaultKind.ResourceExhausted)
            {
                await Task.Delay(5);
            }
        }
    }
}
