using Gantry.Faults;
using Gantry.Linux.Trees;
using Gantry.Store.Sqlite.Commits;
using Gantry.Store.Sqlite.History;
using Gantry.Store.Watch;

namespace Gantry.Store.Sqlite;

/// <summary>What an operator needs: copies while the store is used, as of a revision, and back; checks, status, and small files.</summary>
public sealed partial class SqliteStore : IStoreMaintenance
{
    // Below this share of the file system commits may soon be refused; what else fills it is seldom the store.
    private const double LeastFreeShare = 0.05;

    /// <inheritdoc/>
    public async ValueTask<StoreStatus> GetStatusAsync(CancellationToken cancellationToken = default)
    {
        var state = _state;
        var paths = _history is null ? [_options.Path] : new[] { _options.Path, _options.HistoryPath };
        var used = await Task.Run(() => paths.Sum(UsedBytes), cancellationToken).ConfigureAwait(false);
        return new StoreStatus(
            "sqlite", _options.Path, state.Revision, state.CompactedRevision, paths.Sum(SqliteFile.SizeOnDisk) + _log.SizeBytes, used + _log.UsedBytes(_archiver.Applied), Warnings());
    }

    /// <inheritdoc/>
    public async ValueTask DefragmentAsync(CancellationToken cancellationToken = default)
    {
        await _archiver.DoAsync(files =>
        {
            _archiver.MoveAll(files);
            files.Present.Shrink();
            files.History?.Shrink();
            return true;
        }).ConfigureAwait(false);
        await SubmitAsync(new PendingCommit([])
        {
            Work = () =>
            {
                // What is full goes first, so that the new segment is a small one.
                _log.Release(_archiver.Applied, keepSpares: false);
                BeginAnew();
                _log.Release(_archiver.Applied, keepSpares: false);
            },
        }, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>
    /// Writes a copy of the store as of now, with its history and snapshots, while commits go on. The copy of the history lies
    /// beside it (<see cref="SqliteStoreOptions.HistoryPathOf"/>). Throws AlreadyExists when a file is there.
    /// </summary>
    public async ValueTask BackupAsync(string path, CancellationToken cancellationToken = default)
    {
        CheckFree(path);
        cancellationToken.ThrowIfCancellationRequested();
        // As of one moment between two batches: what the window holds, and the rest is on its way into the files.
        List<HistoryItem> window = [];
        await SubmitAsync(new PendingCommit([]) { Work = () => window = _hub.Window().Items }, cancellationToken).ConfigureAwait(false);
        window.Reverse();
        // Nothing moves between the files meanwhile, so the copies fit. What only the log has is written into them.
        await _archiver.DoAsync(files =>
        {
            _archiver.MoveAll(files);
            var rest = window.Where(item => item.Revision > files.Present.Applied).Select(static item => new ForgottenCommit(item.Revision, item.CommittedMs, item.Changes)).ToList();
            CopyFiles(files, path, rest);
            return true;
        }).ConfigureAwait(false);
    }

    private void CopyFiles(StoreFiles files, string path, List<ForgottenCommit> rest)
    {
        var historyPath = SqliteStoreOptions.HistoryPathOf(path);
        if (files.History is not null)
        {
            Place(historyPath, target =>
            {
                _history!.CopyTo(target);
                using var copy = HistoryFile.Open(target, files.Present.Identity, new CommitTime(files.Bounds.Floor, files.Bounds.FloorMs), forgotten: 0);
                if (rest.Count > 0)
                {
                    copy.Add(rest, rest[^1].Revision);
                }
            });
        }

        try
        {
            Place(path, target =>
            {
                files.Present.CopyTo(target);
                using var copy = PresentFile.Open(target, _options.TimeProvider.GetUtcNow(), _options.LogFiles);
                copy.ReadPlaces();
                if (rest.Count > 0)
                {
                    copy.Apply(rest, withoutHistory: files.History is null);
                }
            });
        }
        catch
        {
            // A history alone is no backup, and would be in the way of the next one.
            File.Delete(historyPath);
            throw;
        }
    }

    /// <summary>
    /// Writes a new store that holds what this one held at a revision (0: now), with the same revisions of its objects and without
    /// the past before it. Throws AlreadyExists when a file is there, and Expired for a revision that is gone.
    /// </summary>
    public async ValueTask CopyAtAsync(string path, long revision = 0, CancellationToken cancellationToken = default)
    {
        CheckFree(path);
        var state = _state;
        var page = revision == 0
            ? StoreState.Range(state.Root, state.Revision, new StoreRange(""))
            : await RangeAtAsync(new StoreRange("", Revision: revision), cancellationToken).ConfigureAwait(false);
        var time = page.Revision == state.Revision ? Time(state.CommittedMs) : await TimeOfAsync(page.Revision, cancellationToken).ConfigureAwait(false);
        await Task.Run(() => Place(path, target => WriteCopy(target, page, time)), cancellationToken).ConfigureAwait(false);
    }

    /// <summary>
    /// Puts a backup in the place that the options name, after checking all of it. The place must be free and nobody may have the store
    /// open; the backup stays as it is.
    /// </summary>
    public static void Restore(string backup, SqliteStoreOptions options)
    {
        options.Validate();
        if (!File.Exists(backup))
        {
            throw new FaultException(FaultKind.NotFound, $"there is no backup {backup}");
        }

        Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(options.Path))!);
        using var owner = OwnerLock.Take(options.Path);
        CheckFree(options.Path);
        var history = SqliteStoreOptions.HistoryPathOf(backup);
        if (File.Exists(history))
        {
            Place(options.HistoryPath, target => CopyChecked(history, target));
        }

        // The store is there when its own file is: a kill before that leaves a history that the next attempt refuses to overwrite.
        Place(options.Path, target =>
        {
            CopyChecked(backup, target);
            PresentFile.CheckFormat(target);
        });
    }

    /// <summary>
    /// Makes a store that holds a page's entries with their revisions, at the page's revision. The place must be free
    /// (AlreadyExists otherwise); the file is whole or not there.
    /// </summary>
    public static void Import(SqliteStoreOptions options, StorePage page)
    {
        options.Validate();
        Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(options.Path))!);
        using var owner = OwnerLock.Take(options.Path);
        CheckFree(options.Path);
        var now = options.TimeProvider.GetUtcNow();
        var rows = new List<StoreEntry>(page.Entries.Count);
        foreach (var commit in page.Entries.GroupBy(static entry => entry.ModRevision))
        {
            // Commits of another store may have more operations than this one numbers; only the order within them is lost.
            rows.AddRange(commit.Select((entry, index) => new StoredEntry(
                entry.Key, entry.Value, entry.CreateRevision, entry.ModRevision, (entry.ModRevision * StoredChange.MaxOperations) + index, now.ToUnixTimeMilliseconds())));
        }

        Place(options.Path, target => WriteCopy(target, page with { Entries = rows }, now));
    }

    /// <summary>
    /// Reads every page of the store's files and its log, and compares what they say of themselves. Throws DataLoss for damage. Commits wait while
    /// the log is read, which is at most what its bound allows.
    /// </summary>
    public async ValueTask CheckAsync(CancellationToken cancellationToken = default)
    {
        FaultException? damage = null;
        await SubmitAsync(new PendingCommit([])
        {
            Work = () =>
            {
                try
                {
                    _log.Check(() => _archiver.Applied, _state.Revision);
                }
                catch (LogFault failure)
                {
                    // Of reading: nothing that is being written is in doubt.
                    damage = failure;
                }
            },
        }, cancellationToken).ConfigureAwait(false);
        if (damage is not null)
        {
            throw new FaultException(damage.Kind, damage.Message, damage);
        }

        await Task.Run(() =>
        {
            using (var file = SqliteFile.Open(_options.Path))
            {
                file.CheckIntegrity();
            }

            _history?.CheckIntegrity();
        }, cancellationToken).ConfigureAwait(false);
    }

    private static long UsedBytes(string path)
    {
        using var file = SqliteFile.Open(path);
        return file.UsedBytes;
    }

    /// <summary>What an operator should know at present.</summary>
    internal IReadOnlyList<string> Warnings()
    {
        var warnings = new List<string>();
        if (_refusal is { } refusal)
        {
            warnings.Add(refusal.Message);
        }

        if (Volatile.Read(ref _damage) is { } damage)
        {
            warnings.Add($"the history cannot be read: {damage.Message}");
        }

        if (_archiver.Failure is { } failure)
        {
            warnings.Add($"the log of commits grows, since the files beside it cannot be written at present: {failure.Message}");
        }

        var drive = new DriveInfo(Path.GetDirectoryName(Path.GetFullPath(_options.Path))!);
        if (drive.AvailableFreeSpace < drive.TotalSize * LeastFreeShare)
        {
            warnings.Add($"the file system of {_options.Path} has {drive.AvailableFreeSpace >> 20} MB left; make room, or writes will be refused when it is full");
        }

        return warnings;
    }

    private static void CheckFree(string path)
    {
        if (FilesOf(path) is [var taken, ..])
        {
            throw new FaultException(FaultKind.AlreadyExists, $"{taken} exists; move it away, or name another place");
        }
    }

    private static void CopyChecked(string from, string to)
    {
        File.Copy(from, to);
        using var file = SqliteFile.Open(to);
        file.CheckIntegrity();
    }

    private static void WriteCopy(string path, StorePage page, DateTimeOffset time)
    {
        using (var file = SqliteFile.Open(path, create: true))
        {
            PresentFile.Create(file, time);
        }

        using var present = PresentFile.Open(path, time, SystemLogFiles.Instance);
        present.Fill(page.Entries.Cast<StoredEntry>().OrderBy(static entry => entry.RowId), page.Revision, time);
    }

    /// <summary>Makes a file beside its place, syncs it, and moves it there: a copy is whole or not there, also after a power cut.</summary>
    private static void Place(string path, Action<string> make)
    {
        var unfinished = path + ".unfinished";
        try
        {
            Clear(unfinished);
            make(unfinished);
            using (var file = new FileStream(unfinished, FileMode.Open, FileAccess.ReadWrite))
            {
                file.Flush(flushToDisk: true);
            }

            File.Move(unfinished, path);
            DurableFile.SyncDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new FaultException(FaultKind.Unavailable, $"write {path}: {failure.Message}", failure);
        }
        finally
        {
            Clear(unfinished);
        }
    }

    private static void Clear(string unfinished)
    {
        foreach (var leftover in new[] { unfinished, unfinished + "-wal", unfinished + "-shm" })
        {
            File.Delete(leftover);
        }
    }
}
