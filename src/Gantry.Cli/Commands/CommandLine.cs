namespace Gantry.Cli.Commands;

/// <summary>Finds the command that is meant, and the instance.</summary>
internal static class CommandLine
{
    private const string Usage = """
        Gantry builds images, runs containers, and keeps replicas of them running: what Docker and Kubernetes do, in one program.

        Usage: gantry COMMAND [--root DIR]

          up [FLAGS]               start gantryd in the background and wait until it is ready; flags go to gantryd
          down                     stop all containers and gantryd; nothing stays in the kernel, all data stays on disk
          status                   how gantryd is, and how to reach it
          logs [-f]                gantryd's own log
          reset                    down, and delete all data
          demo                     from a Dockerfile to three replicas behind a Service, step by step
          kubeconfig               print the administrator's kubeconfig
          image bootstrap NAME     make a base image (debian:bookworm-slim, debian:trixie-slim, busybox) from Debian's packages
          version                  print the version

        The cluster's past. TIME is a span before now (10m, 1d), a time (2026-01-31T15:04:05Z, 15:04), a revision, or a snapshot's name.

          history KIND/NAME        versions of an object: when, who, which fields [-n NS] [--limit N] [--status]
          get KIND[/NAME] --at TIME         objects as they were [-n NS | -A] [-o json|yaml|name]
          diff --from TIME [--to TIME]      what changed [KIND[/NAME]] [-n NS] [--status]
          undo KIND/NAME           the version before, or the one of --to TIME [-n NS] [--dry-run]
          undo -n NS --to TIME     a whole namespace as it was [--dry-run]
          snapshot create NAME     name the cluster's state [--at TIME]; also list, delete NAME, restore NAME [--dry-run],
                                   fork NAME --into DIR (a cluster of its own for tests)

        The cluster's store.

          store status             revisions, history, size, warnings
          store defragment         give unused space back; makes a full etcd take writes again
          store check              read all of it and compare what it says of itself
          store backup FILE        a copy while the cluster works; store restore FILE puts it back while gantryd is down
          store migrate --to etcd --etcd-endpoints https://HOST:2379,... [--etcd-prefix P] [--etcd-ca F --etcd-cert F --etcd-key F]
          store migrate --to sqlite         moves the running cluster

        Settings of gantryd can also be given as GANTRY_NAME in the environment or as name: value in /etc/gantry/config.yaml.
        """;

    public static async Task<int> RunAsync(string[] arguments)
    {
        var rest = arguments.ToList();
        var root = TakeRoot(rest) ?? Environment.GetEnvironmentVariable("GANTRY_ROOT") ?? Instance.DefaultRoot;
        using var instance = new Instance(root);
        switch (rest)
        {
            case [] or ["help" or "--help" or "-h", ..]:
                Console.WriteLine(Usage);
                return 0;
            case ["up", .. var flags]:
                return await UpCommand.RunAsync(instance, flags).ConfigureAwait(false);
            case ["down"]:
                return await DownCommand.RunAsync(instance).ConfigureAwait(false);
            case ["status"]:
                return await StatusCommand.RunAsync(instance).ConfigureAwait(false);
            case ["logs", .. var flags] when flags is [] or ["-f" or "--follow"]:
                return await LogsCommand.RunAsync(instance, flags.Count > 0).ConfigureAwait(false);
            case ["reset", .. var flags] when flags is [] or ["-y" or "--yes"]:
                return await ResetCommand.RunAsync(instance, flags.Count > 0).ConfigureAwait(false);
            case ["demo", .. var flags]:
                return await DemoCommand.RunAsync(instance, flags).ConfigureAwait(false);
            case ["kubeconfig"]:
                Console.Write(await File.ReadAllTextAsync((await instance.RequireAsync().ConfigureAwait(false)).Kubeconfig).ConfigureAwait(false));
                return 0;
            case ["image", "bootstrap", var reference]:
                return await ImageCommand.BootstrapAsync(instance, reference).ConfigureAwait(false);
            case ["history", .. var flags]:
                return await HistoryCommands.HistoryAsync(instance, flags).ConfigureAwait(false);
            case ["get", .. var flags]:
                return await HistoryCommands.GetAsync(instance, flags).ConfigureAwait(false);
            case ["diff", .. var flags]:
                return await HistoryCommands.DiffAsync(instance, flags).ConfigureAwait(false);
            case ["undo", .. var flags]:
                return await HistoryCommands.UndoAsync(instance, flags).ConfigureAwait(false);
            case ["snapshot", .. var flags]:
                return await HistoryCommands.SnapshotAsync(instance, flags).ConfigureAwait(false);
            case ["store", .. var flags]:
                return await StoreCommand.RunAsync(instance, flags).ConfigureAwait(false);
            case ["version" or "--version"]:
                Console.WriteLine($"gantry {typeof(CommandLine).Assembly.GetName().Version!.ToString(3)}");
                return 0;
            default:
                throw new UserErrorException($"unknown command \"{string.Join(' ', rest)}\"; see: gantry help");
        }
    }

    private static string? TakeRoot(List<string> arguments)
    {
        var index = arguments.FindIndex(argument => argument == "--root" || argument.StartsWith("--root=", StringComparison.Ordinal));
        if (index < 0)
        {
            return null;
        }

        var argument = arguments[index];
        arguments.RemoveAt(index);
        if (argument.Length > "--root".Length)
        {
            return argument["--root=".Length..];
        }

        if (index >= arguments.Count)
        {
            throw new UserErrorException("--root needs a directory");
        }

        var root = arguments[index];
        arguments.RemoveAt(index);
        return root;
    }
}
