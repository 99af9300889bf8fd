using System.Diagnostics;

namespace Gantry.Runtime.Tests;

/// <summary>Calls that must succeed, also those that leave a process behind.</summary>
internal static class RuntimeCalls
{
    public static async Task<string> SucceedAsync(this RuntimeFixture fixture, params string[] arguments)
    {
        var (code, output, error) = await fixture.RunAsync(arguments);
        Assert.True(code == 0, $"{string.Join(' ', arguments)}: code {code}: {error}");
        return output;
    }

    /// <summary>
    /// For create and run --detach: the container keeps the caller's descriptors, so they are files here and not pipes that
    /// would stay open.
    /// </summary>
    public static async Task DetachAsync(this RuntimeFixture fixture, params string[] arguments)
    {
        var errors = Path.GetTempFileName();
        string[] shell = ["-c", "exec \"$@\" </dev/null >/dev/null 2>\"$0\"", errors, fixture.RuntimePath, "--root", fixture.Root];
        using var process = Process.Start(new ProcessStartInfo("/bin/sh", [.. shell, .. arguments]))!;
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        await process.WaitForExitAsync(limit.Token);
        var error = await File.ReadAllTextAsync(errors);
        File.Delete(errors);
        Assert.True(process.ExitCode == 0, $"{string.Join(' ', arguments)}: code {process.ExitCode}: {error}");
    }
}
