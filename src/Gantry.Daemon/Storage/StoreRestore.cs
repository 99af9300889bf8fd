using Gantry.Daemon.Configuration;
using Gantry.Faults;
using Gantry.Store.Sqlite;

namespace Gantry.Daemon.Storage;

/// <summary>Puts a backup in the place of the cluster's file. gantryd must not run; the file that was there is kept beside.</summary>
internal static class StoreRestore
{
    /// <summary>Restores, and says in lines what was done.</summary>
    public static IEnumerable<string> Run(string backup, DaemonOptions options)
    {
        if (options.Store.Kind != StoreChoice.Sqlite)
        {
            throw new FaultException(FaultKind.FailedPrecondition, $"the cluster is in {options.Store}: restore it there with etcdutl snapshot restore");
        }

        if (!File.Exists(backup))
        {
            throw new FaultException(FaultKind.NotFound, $"there is no backup {backup}");
        }

        var lines = new List<string>();
        var target = StoreChoice.ToSqliteOptions(options.Root, options.History);
        if (File.Exists(target.Path))
        {
            // Fails when a gantryd has it open, before anything is moved.
            SqliteStore.Open(target).DisposeAsync().AsTask().GetAwaiter().GetResult();
            lines.Add($"The file that was there is kept as {StoreMigration.SetAside(target.Path)}");
        }

        SqliteStore.Restore(backup, target);
        lines.Add($"{target.Path} holds what {backup} held; start it with: gantry up");
        return lines;
    }
}
