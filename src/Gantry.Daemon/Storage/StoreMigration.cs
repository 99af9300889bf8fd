using System.Diagnostics;
using System.Globalization;
using Gantry.Faults;
using Gantry.Store;
using Gantry.Store.Etcd;
using Gantry.Store.Sqlite;

namespace Gantry.Daemon.Storage;

/// <summary>
/// Moves a running cluster between stores. Commits wait while everything is copied; ROOT/store.json is written when the copy is
/// complete and has been counted, which is the moment from which the new store holds. A failure before that leaves the old one in use.
/// The present is moved, not the history before it, nor snapshots; the old file is kept beside.
/// </summary>
internal static class StoreMigration
{
    /// <summary>Moves; says what it does through <paramref name="say"/>.</summary>
    public static async Task RunAsync(ClusterStore store, string root, StoreChoice from, StoreChoice to, HistoryLimits history, Action<string> say, CancellationToken cancellationToken)
    {
        if (from.IsSameStateAs(to))
        {
            throw new FaultException(FaultKind.AlreadyExists, $"the cluster is in {from} already");
        }

        var started = Stopwatch.GetTimestamp();
        var count = 0;
        await store.ExchangeAsync(async old =>
        {
            var page = await old.RangeAsync(new StoreRange(""), cancellationToken).ConfigureAwait(false);
            count = page.Entries.Count;
            say(string.Create(CultureInfo.InvariantCulture, $"Copying {count} keys of revision {page.Revision} from {from} to {to}; commits wait"));
            IStore made = to.Kind == StoreChoice.Etcd
                ? await ToEtcdAsync(page, to.ToEtcdOptions(history), cancellationToken).ConfigureAwait(false)
                : ToSqlite(page, StoreChoice.ToSqliteOptions(root, history));
            try
            {
                await CompareAsync(page, made, cancellationToken).ConfigureAwait(false);
                StoreChoiceFile.Write(root, to);
                return made;
            }
            catch
            {
                await made.DisposeAsync().ConfigureAwait(false);
                throw;
            }
        }).ConfigureAwait(false);
        say(string.Create(CultureInfo.InvariantCulture, $"The cluster is in {to}: {count} keys, commits waited {Stopwatch.GetElapsedTime(started).TotalSeconds:0.00} s"));
        if (from.Kind == StoreChoice.Sqlite)
        {
            say($"The old file was kept as {SetAside(StoreChoice.DatabasePath(root))}");
        }
        else
        {
            say($"What is in {from} was left there; etcdctl del --prefix {from.Prefix}/ deletes it");
        }
    }

    private static async Task<EtcdStore> ToEtcdAsync(StorePage page, EtcdStoreOptions options, CancellationToken cancellationToken)
    {
        await EtcdStore.ImportAsync(options, page, cancellationToken).ConfigureAwait(false);
        return await EtcdStore.OpenAsync(options, cancellationToken).ConfigureAwait(false);
    }

    private static SqliteStore ToSqlite(StorePage page, SqliteStoreOptions options)
    {
        if (File.Exists(options.Path))
        {
            SetAside(options.Path);
        }

        SqliteStore.Import(options, page);
        return SqliteStore.Open(options);
    }

    private static async Task CompareAsync(StorePage page, IStore made, CancellationToken cancellationToken)
    {
        var copied = await made.RangeAsync(new StoreRange(""), cancellationToken).ConfigureAwait(false);
        var differs = copied.Entries.Count != page.Entries.Count
            || copied.Entries.Zip(page.Entries).Any(static pair => pair.First.Key != pair.Second.Key || !pair.First.Value.Span.SequenceEqual(pair.Second.Value.Span));
        if (differs || copied.Revision < page.Revision)
        {
            throw new FaultException(FaultKind.DataLoss, $"the copy has {copied.Entries.Count} keys that are not the {page.Entries.Count} that were there; nothing was changed");
        }
    }

    /// <summary>Renames a database, its log and its history, so that nobody takes them for the cluster's; returns the new path.</summary>
    public static string SetAside(string path)
    {
        var suffix = DateTime.UtcNow.ToString("yyyyMMdd-HHmmss", CultureInfo.InvariantCulture);
        var history = SqliteStoreOptions.HistoryPathOf(path);
        foreach (var file in SqliteStore.FilesOf(path))
        {
            var name = file.StartsWith(history, StringComparison.Ordinal) ? history : path;
            File.Move(file, $"{name}.{suffix}{file[name.Length..]}");
        }

        return $"{path}.{suffix}";
    }
}
