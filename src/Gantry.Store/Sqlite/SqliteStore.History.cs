using Gantry.Faults;
using Gantry.Store.Sqlite.History;

namespace Gantry.Store.Sqlite;

/// <summary>The store's memory: the window's revisions come from memory, older ones from the file of history.</summary>
public sealed partial class SqliteStore : IStoreHistory
{
    // The last state that was read from the file, for the pages that follow. The collector may take it at any time.
    private WeakReference<PastState>? _lastPast;

    /// <inheritdoc/>
    public async ValueTask<StoreHistorySpan> GetSpanAsync(CancellationToken cancellationToken = default)
    {
        var (archiver, _) = History();
        var state = _state;
        await archiver.ReachAsync(state.CompactedRevision, cancellationToken).ConfigureAwait(false);
        var bounds = archiver.Bounds;
        var size = SqliteFile.SizeOnDisk(_options.Path) + SqliteFile.SizeOnDisk(_options.HistoryPath) + _log.SizeBytes;
        return new StoreHistorySpan(bounds.Floor, Time(bounds.FloorMs), state.Revision, Time(state.CommittedMs), size);
    }

    /// <inheritdoc/>
    public async ValueTask<long> RevisionAtAsync(DateTimeOffset time, CancellationToken cancellationToken = default)
    {
        var (archiver, reader) = History();
        var ms = time.ToUnixTimeMilliseconds();
        var state = _state;
        if (ms >= state.CommittedMs)
        {
            return state.Revision;
        }

        var (items, _, compacted) = _hub.Window();
        if (items.Find(item => item.CommittedMs <= ms) is { } recent)
        {
            return recent.Revision;
        }

        await archiver.ReachAsync(compacted, cancellationToken).ConfigureAwait(false);
        var bounds = archiver.Bounds;
        if (ms < bounds.FloorMs)
        {
            throw new FaultException(FaultKind.Expired, $"the history begins at {Time(bounds.FloorMs):u} (revision {bounds.Floor}); {time.ToUniversalTime():u} is before that");
        }

        return Math.Max(bounds.Floor, (await OffThisThread(() => reader.RevisionAt(ms), cancellationToken).ConfigureAwait(false))?.Revision ?? 0);
    }

    /// <inheritdoc/>
    public async ValueTask<StorePage> RangeAtAsync(StoreRange range, CancellationToken cancellationToken = default)
    {
        if (range.Revision == 0 || range.Revision >= _state.CompactedRevision)
        {
            try
            {
                return await RangeAsync(range, cancellationToken).ConfigureAwait(false);
            }
            catch (FaultException moved) when (moved.Kind == FaultKind.Expired)
            {
                // The window moved on just now; the history has it.
            }
        }

        var past = await ReadPastAsync(range.Prefix, range.Revision, cancellationToken).ConfigureAwait(false);
        return StoreState.Range(past.Root, range.Revision, range);
    }

    /// <inheritdoc/>
    public async ValueTask<IReadOnlyList<StoreVersion>> GetVersionsAsync(string key, int limit = 0, CancellationToken cancellationToken = default)
    {
        var (archiver, reader) = History();
        var most = limit > 0 ? limit : int.MaxValue;
        var (items, root, compacted) = _hub.Window();
        var versions = items
            .SelectMany(item => item.Changes.Reverse().Where(change => change.Key == key)
                .Select(change => new StoreVersion(item.Revision, Time(item.CommittedMs), change.After?.Value, change.CreateRevision)))
            .Take(most).ToList();
        if (versions.Count < most && (StoredEntry?)KeyTree.Find(root, key) is { } oldest)
        {
            versions.Add(new StoreVersion(oldest.ModRevision, Time(oldest.CommittedMs), oldest.Value, oldest.CreateRevision));
        }

        if (versions.Count < most)
        {
            await archiver.ReachAsync(compacted, cancellationToken).ConfigureAwait(false);
            versions.AddRange(await OffThisThread(() => reader.VersionsOf(key, compacted, most - versions.Count), cancellationToken).ConfigureAwait(false));
        }

        return versions;
    }

    /// <inheritdoc/>
    public async ValueTask<StoreSnapshot> CreateSnapshotAsync(string name, long revision = 0, CancellationToken cancellationToken = default)
    {
        var (archiver, reader) = History();
        if (name.Length == 0)
        {
            throw new FaultException(FaultKind.InvalidArgument, "a snapshot needs a name");
        }

        var state = _state;
        var named = revision == 0 ? state.Revision : revision;
        if (named > state.Revision)
        {
            throw new FaultException(FaultKind.InvalidArgument, $"revision {named} is in the future; the newest is {state.Revision}");
        }

        var time = await TimeOfAsync(named, cancellationToken).ConfigureAwait(false);
        // Between the check and the insertion nothing is forgotten: both are the archiver's.
        return await archiver.DoAsync(files =>
        {
            reader.CheckReadable(named);
            if (reader.Snapshots().Any(snapshot => snapshot.Name == name))
            {
                throw new FaultException(FaultKind.AlreadyExists, $"there is a snapshot {name}; delete it, or choose another name");
            }

            var snapshot = new StoreSnapshot(name, named, time, Time(Math.Max(_options.TimeProvider.GetUtcNow().ToUnixTimeMilliseconds(), state.CommittedMs)));
            files.History!.AddSnapshot(snapshot);
            return snapshot;
        }).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public async ValueTask<IReadOnlyList<StoreSnapshot>> ListSnapshotsAsync(CancellationToken cancellationToken = default)
    {
        var (_, reader) = History();
        return await OffThisThread(reader.Snapshots, cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public async ValueTask DeleteSnapshotAsync(string name, CancellationToken cancellationToken = default)
    {
        var (archiver, _) = History();
        var removed = await archiver.DoAsync(files =>
        {
            archiver.PruneAnew();
            return files.History!.RemoveSnapshot(name);
        }).ConfigureAwait(false);
        if (!removed)
        {
            throw new FaultException(FaultKind.NotFound, $"there is no snapshot {name}");
        }
    }

    private static DateTimeOffset Time(long ms) => DateTimeOffset.FromUnixTimeMilliseconds(ms);

    // Reading the file takes up to seconds for a whole cluster; the caller may be a loop that others wait for.
    private static Task<T> OffThisThread<T>(Func<T> work, CancellationToken cancellationToken) => Task.Run(work, cancellationToken);

    private (Archiver Archiver, HistoryReader Reader) History()
    {
        if (_history is null)
        {
            throw new FaultException(FaultKind.FailedPrecondition, $"{_options.Path} is kept without history; open it with a span of history");
        }

        return Volatile.Read(ref _damage) is { } damage ? throw new FaultException(damage.Kind, damage.Message, damage) : (_archiver, _history);
    }

    /// <summary>All of a prefix at a revision that the window has forgotten.</summary>
    private async Task<PastState> ReadPastAsync(string prefix, long revision, CancellationToken cancellationToken)
    {
        var (archiver, reader) = History();
        var (root, compacted) = _hub.Compacted;
        await archiver.ReachAsync(compacted, cancellationToken).ConfigureAwait(false);
        if (_lastPast is { } last && last.TryGetTarget(out var past) && past.Revision == revision && past.Prefix == prefix)
        {
            await OffThisThread(() => { reader.CheckReadable(revision); return true; }, cancellationToken).ConfigureAwait(false);
            return past;
        }

        var read = await OffThisThread(() => PastState.Build(prefix, revision, root, reader.VersionsAt(prefix, revision)), cancellationToken).ConfigureAwait(false);
        _lastPast = new WeakReference<PastState>(read);
        return read;
    }

    private async Task<DateTimeOffset> TimeOfAsync(long revision, CancellationToken cancellationToken)
    {
        var (archiver, reader) = History();
        var (items, _, compacted) = _hub.Window();
        if (items.Find(item => item.Revision == revision) is { } recent)
        {
            return Time(recent.CommittedMs);
        }

        await archiver.ReachAsync(compacted, cancellationToken).ConfigureAwait(false);
        var bounds = archiver.Bounds;
        var known = revision == bounds.Floor ? bounds.FloorMs : await OffThisThread(() => reader.TimeOf(revision), cancellationToken).ConfigureAwait(false);
        return known is { } ms ? Time(ms) : throw new FaultException(FaultKind.Expired, $"revision {revision} is no longer kept; the oldest of the history is {bounds.Floor}");
    }
}
