using Gantry.Faults;
using Gantry.Store.Sqlite.History;

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
        var paths = _archiver is null ? [_options.Path] : new[] { _options.Path, _options.HistoryPath };
        var used = await Task.Run(() => paths.Sum(UsedBytes), cancellationToken).ConfigureAwait(false);
        return new StoreStatus("sqlite", _options.Path, state.Revision, state.CompactedRevision, paths.Sum(SqliteFile.SizeOnDisk), used, Warnings());
    }

    /// <inheritdoc/>
    public async ValueTask DefragmentAsync(CancellationToken cancellationToken = default)
    {
        await SubmitAsync(new PendingCommit([]) { Work = log => log.Shrink() }, cancellationToken).ConfigureAwait(false);
        if (_archiver is { } archiver)
        {
            await archiver.DoAsync(file =>
            {
                file.Shrink();
                return true;
            }).ConfigureAwait(false);
        }
    }

    /// <summary>
    /// Writes a copy of the store as of now, with its history and snapshots, while commits go on. The copy of the history lies
    /// beside it (<see cref="SqliteStoreOptions.HistoryPathOf"/>). Throws AlreadyExists when a file is there.
    /// </summary>
    public async ValueTask BackupAsync(string path, CancellationToken cancellationToken = default)
    {
        CheckFree(path);
        cancellationToken.ThrowIfCancellationRequested();
        if (_archiver is not { } archiver)
        {
            await Task.Run(() => CopyLog(path), CancellationToken.None).ConfigureAwait(false);
            return;
        }

        // Nothing moves between the files meanwhile, so the two copies fit.
        await archiver.DoAsync(_ =>
        {
            var historyPath = SqliteStoreOptions.HistoryPathOf(path);
            Place(historyPath, _history!.CopyTo);
            CopyLog(path);
            return true;
        }).ConfigureAwait(false);
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
            SqliteLog.Open(target, options.TimeProvider.GetUtcNow()).Dispose();
        });
    }

    /// <summary>Reads every page of the store's files and compares what they say of themselves. Throws DataLoss for damage.</summary>
    public async ValueTask CheckAsync(CancellationToken cancellationToken = default)
    {
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

        if (_archiver?.Failure is { } failure)
        {
            warnings.Add($"the history is not written at present: {failure.Message}");
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
        var taken = new[] { path, SqliteStoreOptions.HistoryPathOf(path) }.FirstOrDefault(File.Exists);
        if (taken is not null)
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
            SqliteLog.Create(file, time);
        }

        using var log = SqliteLog.Open(path, time);
        log.Begin();
        foreach (var entry in page.Entries.Cast<StoredEntry>().OrderBy(entry => entry.RowId))
        {
            log.Append(entry.RowId, entry.Key, entry.Value, entry.CreateRevision, entry.CommittedMs);
        }

        log.WriteMeta("compacted", page.Revision);
        log.WriteMeta("compacted_time", time.ToUnixTimeMilliseconds());
        log.Commit();
    }

    /// <summary>Makes a file beside its place, syncs it, and moves it there: a copy is whole or not there.</summary>
    private static void Place(string path, Action<string> make)
    {
        var unfinished = path + ".unfinished";
        try
        {
            foreach (var leftover in new[] { unfinished, unfinished + "-wal", unfinished + "-shm" })
            {
                File.Delete(leftover);
            }

            make(unfinished);
            using (var file = new FileStream(unfinished, FileMode.Open, FileAccess.ReadWrite))
            {
                file.Flush(flushToDisk: true);
            }

            File.Move(unfinished, path);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new FaultException(FaultKind.Unavailable, $"write {path}: {failure.Message}", failure);
        }
    }

    private void CopyLog(string path) => Place(path, target =>
    {
        using var file = SqliteFile.Open(_options.Path);
        using var statement = file.Prepare("VACUUM INTO ?1");
        statement.Bind(1, target).Run();
    });
}
