using System.ComponentModel;
using System.Diagnostics;
using Gantry.Faults;

namespace Gantry.Images.Bootstrap;

/// <summary>A program of the host whose output is wanted.</summary>
internal static class HostCommand
{
    /// <summary>
    /// Runs a program; <paramref name="consume"/> reads its standard output, <paramref name="say"/> hears its standard error by lines.
    /// <c>FailedPrecondition</c> when it is not installed, <c>Unavailable</c> with its last words when it fails.
    /// </summary>
    public static async Task RunAsync(
        string program, IReadOnlyList<string> arguments, Func<Stream, Task> consume, Action<string> say, CancellationToken cancellationToken)
    {
        using var process = Start(program, arguments);
        var last = new Queue<string>();
        var errors = Task.Run(
            async () =>
            {
                while (await process.StandardError.ReadLineAsync(CancellationToken.None).ConfigureAwait(false) is { } line)
                {
                    last.Enqueue(line);
                    if (last.Count > 8)
                    {
                        last.Dequeue();
                    }
                    say(line);
                }
            },
            CancellationToken.None);
        try
        {
            await consume(process.StandardOutput.BaseStream).ConfigureAwait(false);
            await process.WaitForExitAsync(cancellationToken).ConfigureAwait(false);
        }
        catch
        {
            process.Kill(entireProcessTree: true);
            throw;
        }
        finally
        {
            await errors.ConfigureAwait(false);
        }
        if (process.ExitCode != 0)
        {
            throw new FaultException(FaultKind.Unavailable, $"{program} failed with exit code {process.ExitCode}: {string.Join(" | ", last)}");
        }
    }

    /// <summary>Runs a program and returns its standard output as text.</summary>
    public static async Task<string> ReadAsync(string program, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        var text = "";
        await RunAsync(
            program, arguments,
            async output =>
            {
                using var reader = new StreamReader(output);
                text = await reader.ReadToEndAsync(cancellationToken).ConfigureAwait(false);
            },
            static _ => { },
            cancellationToken).ConfigureAwait(false);
        return text;
    }

    private static Process Start(string program, IReadOnlyList<string> arguments)
    {
        try
        {
            return Process.Start(new ProcessStartInfo(program, arguments)
            {
                RedirectStandardInput = false,
                RedirectStandardOutput = true,
                RedirectStandardError = true,
                Environment = { ["LC_ALL"] = "C", ["DEBIAN_FRONTEND"] = "noninteractive" },
            })!;
        }
        catch (Win32Exception error)
        {
            throw new FaultException(FaultKind.FailedPrecondition, $"{program} is not installed: apt-get install {program}", error);
        }
    }
}
