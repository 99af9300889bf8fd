namespace Gantry.Cli.Commands;

/// <summary>Brings the instance down and deletes its root.</summary>
internal static class ResetCommand
{
    public static async Task<int> RunAsync(Instance instance, bool confirmed)
    {
        if (!confirmed && !Console.IsInputRedirected)
        {
            Console.Write($"This deletes all images, volumes, containers and cluster objects in {instance.Root}. Type yes to go on: ");
            if (Console.ReadLine()?.Trim() != "yes")
            {
                Console.WriteLine("Nothing was deleted.");
                return 1;
            }
        }
        else if (!confirmed)
        {
            throw new UserErrorException("reset deletes all data; confirm with: gantry reset --yes");
        }

        await DownCommand.RunAsync(instance).ConfigureAwait(false);
        if (Directory.Exists(instance.Root))
        {
            // Something mounted below the root must not lose its content.
            var mounts = File.ReadLines("/proc/self/mounts").Select(line => line.Split(' ')[1]).Where(path => path.StartsWith(instance.Root + "/", StringComparison.Ordinal)).ToList();
            if (mounts.Count > 0)
            {
                throw new UserErrorException($"{mounts[0]} is still mounted; unmount it first");
            }

            using var progress = new Progress($"Deleting {instance.Root}");
            Directory.Delete(instance.Root, recursive: true);
        }

        Console.WriteLine($"{instance.Root} is empty.");
        return 0;
    }
}
