using System.Diagnostics;

namespace Gantry.Bench.Instances;

/// <summary>Runs programs to their end, never longer than their time.</summary>
internal static class Command
{
    /// <summary>Runs a program; one that passes its time is killed and counts as a failure with code 124, as timeout(1) has it.</summary>
    public static async Task<CommandResult> RunAsync(string program, IEnumerable<string> arguments, IReadOnlyDictionary<string, string>? environment = null, string? input = null, int seconds = 60)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true };
        foreach (var (name, value) in environment ?? new Dictionary<string, string>())
        {
            start.Environment[name] = value;
        }

        var began = Stopwatch.GetTimestamp();
        using var process = Process.Start(start) ?? throw new BenchException($"{program} could not be started");
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(seconds));
        var output = process.StandardOutput.ReadToEndAsync(CancellationToken.None);
        var error = process.StandardError.ReadToEndAsync(CancellationToken.None);
        if (input is not null)
        {
            await process.StandardInput.WriteAsync(input);
        }

        process.StandardInput.Close();
        try
        {
            await process.WaitForExitAsync(patience.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            return new CommandResult(124, "", $"{program} had not ended after {seconds} s", TimeSpan.FromSeconds(seconds));
        }

        var elapsed = Stopwatch.GetElapsedTime(began);
        return new CommandResult(process.ExitCode, await output, await error, elapsed);
    }

    /// <summary>Runs a program that has to succeed.</summary>
    public static async Task<CommandResult> RequireAsync(string program, IEnumerable<string> arguments, IReadOnlyDictionary<string, string>? environment = null, string? input = null, int seconds = 60)
    {
        var list = arguments.ToList();
        var result = await RunAsync(program, list, environment, input, seconds);
        return result.Code == 0 ? result : throw new BenchException($"{program} {string.Join(' ', list)} ended with {result.Code}: {result.Error.Trim()} {result.Output.Trim()}");
    }

    /// <summary>Whether a program of this name is on the PATH.</summary>
    public static bool Exists(string name) => Find(name) is not null;

    /// <summary>The path of a program on the PATH, or of one that is given by its path; null when there is none.</summary>
    public static string? Find(string name) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Select(directory => Path.Combine(directory, name)).FirstOrDefault(File.Exists);
}

/// <summary>How a program ended.</summary>
internal sealed record CommandResult(int Code, string Output, string Error, TimeSpan Elapsed);
