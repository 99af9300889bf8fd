using System.Diagnostics;

namespace Gantry.Cli.Commands;

/// <summary>The cluster's store: status, space, checks, copies, and moving it.</summary>
internal static class StoreCommand
{
    public static Task<int> RunAsync(Instance instance, IReadOnlyList<string> arguments)
    {
        var flags = new CommandFlags(arguments, "to=", "etcd-endpoints=", "etcd-prefix=", "etcd-ca=", "etcd-cert=", "etcd-key=");
        switch (flags.Words)
        {
            case [] or ["status"]:
                return HistoryCommands.LinesAsync(instance, HttpMethod.Get, "/store");
            case ["defragment"]:
                return HistoryCommands.LinesAsync(instance, HttpMethod.Post, "/store/defragment");
            case ["check"]:
                return HistoryCommands.LinesAsync(instance, HttpMethod.Post, "/store/check");
            case ["backup", var file]:
                flags["path"] = Path.GetFullPath(file);
                return HistoryCommands.LinesAsync(instance, HttpMethod.Post, flags.Query("/store/backup"));
            case ["restore", var file]:
                return RestoreAsync(instance, Path.GetFullPath(file));
            case ["migrate"]:
                flags["store"] = flags["to"] ?? throw new UserErrorException("migrate needs --to etcd or --to sqlite");
                flags["to"] = null;
                foreach (var file in (string[])["etcd-ca", "etcd-cert", "etcd-key"])
                {
                    // gantryd has another working directory.
                    flags[file] = flags[file] is { } path ? Path.GetFullPath(path) : null;
                }

                return HistoryCommands.LinesAsync(instance, HttpMethod.Post, flags.Query("/store/migrate"));
            default:
                throw new UserErrorException("store status, defragment, check, backup FILE, restore FILE, or migrate --to etcd|sqlite");
        }
    }

    /// <summary>Puts a backup in the place of the cluster's file, which nobody may be using: gantryd's program does it and ends.</summary>
    private static async Task<int> RestoreAsync(Instance instance, string backup)
    {
        if (await instance.StatusAsync().ConfigureAwait(false) is not null)
        {
            throw new UserErrorException("gantryd is running; take it down before its store is replaced: gantry down");
        }

        var start = new ProcessStartInfo(Path.Combine(AppContext.BaseDirectory, "gantryd")) { UseShellExecute = false };
        foreach (var argument in (string[])["restore-store", backup, "--root", instance.Root])
        {
            start.ArgumentList.Add(argument);
        }

        using var daemon = Process.Start(start) ?? throw new UserErrorException("gantryd could not be started");
        await daemon.WaitForExitAsync().ConfigureAwait(false);
        return daemon.ExitCode;
    }
}
