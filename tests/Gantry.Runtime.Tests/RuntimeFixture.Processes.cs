using System.Diagnostics;

namespace Gantry.Runtime.Tests;

/// <summary>Running gantry-runtime and what surrounds it.</summary>
public sealed partial class RuntimeFixture
{
    private static readonly TimeSpan ProcessLimit = TimeSpan.FromSeconds(60);

    /// <summary>Runs gantry-runtime to its end, at most 60 seconds.</summary>
    public Task<(int ExitCode, string Output, string Error)> RunAsync(params string[] arguments) => RunWithAsync(RuntimePath, arguments);

    /// <summary>The same with another copy of the program.</summary>
    public Task<(int ExitCode, string Output, string Error)> RunWithAsync(string program, params string[] arguments) =>
        RunProcessAsync(new ProcessStartInfo(program, ["--root", Root, .. arguments]));

    /// <summary>Runs a command of the host's shell to its end.</summary>
    public Task<(int ExitCode, string Output, string Error)> RunShellAsync(string command) =>
        RunProcessAsync(new ProcessStartInfo("/bin/sh", ["-c", command]));

    /// <summary>Runs a process to its end, at most 60 seconds, with an empty standard input.</summary>
    public async Task<(int ExitCode, string Output, string Error)> RunProcessAsync(ProcessStartInfo start)
    {
        start.RedirectStandardOutput = true;
        start.RedirectStandardError = true;
        start.RedirectStandardInput = true;
        using var process = Process.Start(start)!;
        process.StandardInput.Close();
        var output = process.StandardOutput.ReadToEndAsync();
        var error = process.StandardError.ReadToEndAsync();
        using var limit = new CancellationTokenSource(ProcessLimit);
        try
        {
            await process.WaitForExitAsync(limit.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill();
            throw new TimeoutException($"{start.FileName} {string.Join(' ', start.ArgumentList)} did not end");
        }
        return (process.ExitCode, await output, await error);
    }
}
