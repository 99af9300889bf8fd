using Gantry.Cli;
using Gantry.Cli.Commands;

try
{
    return await CommandLine.RunAsync(args).ConfigureAwait(false);
}
catch (UserErrorException error)
{
    await Console.Error.WriteLineAsync($"gantry: {error.Message}").ConfigureAwait(false);
    return 1;
}
