namespace Gantry.Cli.Commands;

/// <summary>Prints gantryd's log, and with -f what is added to it.</summary>
internal static class LogsCommand
{
    public static async Task<int> RunAsync(Instance instance, bool follow)
    {
        if (!File.Exists(instance.LogPath))
        {
            throw new UserErrorException($"{instance.LogPath} does not exist: gantryd has not been started by gantry up");
        }

        using var output = Console.OpenStandardOutput();
        using var log = new FileStream(instance.LogPath, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        do
        {
            await log.CopyToAsync(output).ConfigureAwait(false);
            await output.FlushAsync().ConfigureAwait(false);
            await Task.Delay(follow ? 200 : 0).ConfigureAwait(false);
        }
        while (follow);
        return 0;
    }
}
