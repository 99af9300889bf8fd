namespace Gantry.Cli.Commands;

/// <summary>Stops all containers and gantryd, and waits until the process has ended.</summary>
internal static class DownCommand
{
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(3);

    public static async Task<int> RunAsync(Instance instance)
    {
        var status = await instance.StatusAsync().ConfigureAwait(false);
        if (status is null)
        {
            Console.WriteLine("gantryd is not running.");
            return 0;
        }

        using var progress = new Progress($"Stopping {status.ContainersRunning} containers and gantryd");
        await instance.PostAsync("/down").ConfigureAwait(false);
        var deadline = DateTimeOffset.UtcNow + s_patience;
        while (Directory.Exists($"/proc/{status.Pid}"))
        {
            if (DateTimeOffset.UtcNow > deadline)
            {
                throw new UserErrorException($"gantryd (process {status.Pid}) has not ended after {s_patience.TotalMinutes:0} minutes; see: gantry logs");
            }

            await Task.Delay(20).ConfigureAwait(false);
        }

        progress.Dispose();
        Console.WriteLine("Gantry is down. Its data stays; gantry reset deletes it.");
        return 0;
    }
}
