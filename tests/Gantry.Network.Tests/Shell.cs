using System.Diagnostics;

namespace Gantry.Network.Tests;

/// <summary>Runs programs inside a sandbox's network namespace.</summary>
internal static class Shell
{
    internal static async Task<(int ExitCode, string Output)> RunAsync(string? networkPath, params string[] command)
    {
        string[] arguments = networkPath is null ? command : ["nsenter", "--net=" + networkPath, .. command];
        ProcessStartInfo start = new(arguments[0], arguments[1..]) { RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true };
        using Process process = Process.Start(start)!;
        process.StandardInput.Close();
        Task<string> error = process.StandardError.ReadToEndAsync();
        string output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return (process.ExitCode, output + await error);
    }
}
