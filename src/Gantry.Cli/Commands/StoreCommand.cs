namespace Gantry.Cli.Commands;

/// <summary>The cluster's store: status, defragment, migrate.</summary>
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
                throw new UserErrorException("store status, store defragment, or store migrate --to etcd|sqlite");
        }
    }
}
