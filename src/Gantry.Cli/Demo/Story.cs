using System.Diagnostics;
using System.Globalization;
using System.Text;

namespace Gantry.Cli.Demo;

/// <summary>Runs the steps of the demo with the real docker and kubectl, showing each with its time and its output.</summary>
internal sealed class Story(InstanceStatus status, string directory)
{
    private int _step;

    /// <summary>Runs one command as a user would type it; a failure ends the demo with what the command said.</summary>
    public async Task<string> RunAsync(string title, string program, params string[] arguments)
    {
        Announce(title, $"{program} {string.Join(' ', arguments.Select(Quote))}");
        var started = Stopwatch.GetTimestamp();
        var (code, output) = await CaptureAsync(program, arguments).ConfigureAwait(false);
        foreach (var line in output.TrimEnd().Split('\n').TakeLast(12))
        {
            Console.WriteLine($"    {line}");
        }

        Done(started);
        return code == 0 ? output : throw new UserErrorException($"{program} ended with exit code {code}");
    }

    /// <summary>Fetches a page from the host and checks what it says.</summary>
    public async Task FetchAsync(string title, string url, string expected)
    {
        Announce(title, $"curl {url}");
        var started = Stopwatch.GetTimestamp();
        using var client = new HttpClient { Timeout = TimeSpan.FromSeconds(10) };
        string text;
        try
        {
            text = await client.GetStringAsync(new Uri(url)).ConfigureAwait(false);
        }
        catch (HttpRequestException failure)
        {
            throw new UserErrorException($"{url} does not answer: {failure.Message}");
        }

        Console.WriteLine($"    {text.TrimEnd()}");
        if (!text.Contains(expected, StringComparison.Ordinal))
        {
            throw new UserErrorException($"{url} answered something else than {expected}");
        }

        Done(started);
    }

    /// <summary>Runs a command quietly and returns its output; a failure is a user error.</summary>
    public async Task<string> AskAsync(string program, params string[] arguments)
    {
        var (code, output) = await CaptureAsync(program, arguments).ConfigureAwait(false);
        return code == 0 ? output.Trim() : throw new UserErrorException($"{program} {string.Join(' ', arguments)} failed:\n{output}");
    }

    /// <summary>Runs a command quietly; whether it succeeded.</summary>
    public async Task<bool> TryAsync(string program, params string[] arguments) =>
        (await CaptureAsync(program, arguments).ConfigureAwait(false)).Code == 0;

    private void Announce(string title, string command)
    {
        Console.WriteLine($"\n{++_step}. {title}");
        Console.WriteLine($"  $ {command}");
    }

    private static void Done(long started) =>
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  done in {Stopwatch.GetElapsedTime(started).TotalSeconds:0.00} s"));

    private async Task<(int Code, string Output)> CaptureAsync(string program, string[] arguments)
    {
        var start = new ProcessStartInfo(program) { WorkingDirectory = directory, RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false };
        start.Environment["DOCKER_HOST"] = $"unix://{status.DockerSocket}";
        start.Environment["DOCKER_BUILDKIT"] = "0";
        start.Environment["KUBECONFIG"] = status.Kubeconfig;
        foreach (var argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        using var progress = new Progress("  working");
        try
        {
            using var process = Process.Start(start)!;
            var output = new StringBuilder();
            await Task.WhenAll(CollectAsync(process.StandardOutput, output), CollectAsync(process.StandardError, output), process.WaitForExitAsync()).ConfigureAwait(false);
            return (process.ExitCode, output.ToString());
        }
        catch (System.ComponentModel.Win32Exception)
        {
            throw new UserErrorException($"{program} is not installed; the demo shows Gantry through the real docker and kubectl");
        }
    }

    private static async Task CollectAsync(StreamReader reader, StringBuilder into)
    {
        while (await reader.ReadLineAsync().ConfigureAwait(false) is { } line)
        {
            // The classic builder's notice about its successor says nothing about Gantry.
            if (!line.StartsWith("DEPRECATED:", StringComparison.Ordinal) && !line.Contains("docs.docker.com/go/buildx", StringComparison.Ordinal))
            {
                lock (into)
                {
                    into.Append(line).Append('\n');
                }
            }
        }
    }

    private static string Quote(string argument) => argument.Contains('\'', StringComparison.Ordinal) ? $"\"{argument}\"" : argument.Any(letter => " \"{}$()".Contains(letter, StringComparison.Ordinal)) ? $"'{argument}'" : argument;
}
