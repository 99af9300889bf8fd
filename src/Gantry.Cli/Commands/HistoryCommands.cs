namespace Gantry.Cli.Commands;

/// <summary>The cluster's past: history, get --at, diff, undo, snapshot.</summary>
internal static class HistoryCommands
{
    public static Task<int> HistoryAsync(Instance instance, IReadOnlyList<string> arguments)
    {
        var flags = new CommandFlags(arguments, "n|namespace=", "limit=", "status");
        flags["object"] = Address(flags.Words, "history");
        return LinesAsync(instance, HttpMethod.Get, flags.Query("/history"));
    }

    public static Task<int> GetAsync(Instance instance, IReadOnlyList<string> arguments)
    {
        var flags = new CommandFlags(arguments, "n|namespace=", "A|all-namespaces", "o|output=", "at=");
        if (flags["at"] is null)
        {
            throw new UserErrorException("gantry get shows the past: give --at TIME (kubectl get shows the present)");
        }

        flags["object"] = Address(flags.Words, "get");
        flags["namespace"] = flags["all-namespaces"] is null ? flags["namespace"] ?? "default" : null;
        return LinesAsync(instance, HttpMethod.Get, flags.Query("/history/get"));
    }

    public static Task<int> DiffAsync(Instance instance, IReadOnlyList<string> arguments)
    {
        var flags = new CommandFlags(arguments, "n|namespace=", "from=", "to=", "status");
        if (flags["from"] is null)
        {
            throw new UserErrorException("diff needs --from TIME, and --to TIME unless it is now");
        }

        flags["object"] = flags.Words.Count == 0 ? null : Address(flags.Words, "diff");
        return LinesAsync(instance, HttpMethod.Get, flags.Query("/history/diff"));
    }

    public static Task<int> UndoAsync(Instance instance, IReadOnlyList<string> arguments)
    {
        var flags = new CommandFlags(arguments, "n|namespace=", "to=", "dry-run");
        flags["object"] = flags.Words.Count == 0 ? null : Address(flags.Words, "undo");
        return LinesAsync(instance, HttpMethod.Post, flags.Query("/history/undo"));
    }

    public static Task<int> SnapshotAsync(Instance instance, IReadOnlyList<string> arguments)
    {
        var flags = new CommandFlags(arguments, "at=", "dry-run", "into=");
        switch (flags.Words)
        {
            case ["list"]:
                return LinesAsync(instance, HttpMethod.Get, "/snapshots");
            case ["create", var name]:
                flags["name"] = name;
                return LinesAsync(instance, HttpMethod.Post, flags.Query("/snapshots"));
            case ["delete", var name]:
                flags["name"] = name;
                return LinesAsync(instance, HttpMethod.Delete, flags.Query("/snapshots"));
            case ["restore", var name]:
                flags["name"] = name;
                return LinesAsync(instance, HttpMethod.Post, flags.Query("/snapshots/restore"));
            case ["fork", var name]:
                flags["name"] = name;
                flags["root"] = Path.GetFullPath(flags["into"] ?? throw new UserErrorException("fork needs --into DIR, the root of the new cluster"));
                return LinesAsync(instance, HttpMethod.Post, flags.Query("/snapshots/fork"));
            default:
                throw new UserErrorException("snapshot create NAME, list, delete NAME, restore NAME or fork NAME --into DIR");
        }
    }

    /// <summary>Prints gantryd's lines; its error becomes the command's.</summary>
    public static async Task<int> LinesAsync(Instance instance, HttpMethod method, string path)
    {
        await instance.RequireAsync().ConfigureAwait(false);
        await foreach (var line in instance.SendLinesAsync(method, path).ConfigureAwait(false))
        {
            if (line.StartsWith("error: ", StringComparison.Ordinal))
            {
                throw new UserErrorException(line["error: ".Length..]);
            }

            Console.WriteLine(line);
        }

        return 0;
    }

    /// <summary>KIND, KIND/NAME, or as two words.</summary>
    private static string Address(IReadOnlyList<string> words, string command) => words switch
    {
        [var one] => one,
        [var kind, var name] => $"{kind}/{name}",
        _ => throw new UserErrorException($"{command} takes KIND/NAME such as deployment/web"),
    };
}
