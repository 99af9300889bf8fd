namespace Gantry.Cli.Commands;

/// <summary>Makes base images without a registry.</summary>
internal static class ImageCommand
{
    public static async Task<int> BootstrapAsync(Instance instance, string reference)
    {
        await instance.RequireAsync().ConfigureAwait(false);
        using var progress = new Progress($"Making {reference}");
        await foreach (var line in instance.PostLinesAsync($"/images/bootstrap?reference={Uri.EscapeDataString(reference)}").ConfigureAwait(false))
        {
            if (line.StartsWith("error: ", StringComparison.Ordinal))
            {
                progress.Dispose();
                throw new UserErrorException(line["error: ".Length..]);
            }

            progress.Dispose();
            Console.WriteLine(line);
        }

        return 0;
    }
}
