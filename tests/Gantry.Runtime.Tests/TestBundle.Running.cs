using Gantry.Oci.Runtime;

namespace Gantry.Runtime.Tests;

/// <summary>A container that runs beside the test.</summary>
public sealed partial class TestBundle
{
    /// <summary>Changes the bundle's configuration.</summary>
    public void Change(Action<RuntimeSpec> change)
    {
        var spec = RuntimeSpecJson.ReadSpec(File.ReadAllBytes($"{path}/config.json"));
        change(spec);
        File.WriteAllBytes($"{path}/config.json", RuntimeSpecJson.Write(spec));
    }

    /// <summary>`run --detach`, with the container's output in a file.</summary>
    public async Task StartAsync()
    {
        // The container keeps its streams, so that they must not be this test's pipes.
        var (code, _, _) = await fixture.RunShellAsync(
            $"exec {fixture.RuntimePath} --root {fixture.Root} run --detach --pid-file {path}/pid -b {path} {id} </dev/null >{path}/out 2>&1");
        Assert.True(code == 0, await OutputAsync());
    }

    /// <summary>What a container that was started so has written.</summary>
    public Task<string> OutputAsync() => File.ReadAllTextAsync($"{path}/out");

    /// <summary>Waits until it has written a text.</summary>
    public async Task WaitForOutputAsync(string text)
    {
        var limit = Timeout();
        while (!(await OutputAsync()).Contains(text, StringComparison.Ordinal))
        {
            Assert.False(limit.IsCancellationRequested, $"\"{text}\" did not come: {await OutputAsync()}");
            await Task.Delay(5, CancellationToken.None);
        }
    }

    /// <summary>The id of a started container's first process.</summary>
    public async Task<int> PidAsync() => int.Parse(await File.ReadAllTextAsync($"{path}/pid"));

    /// <summary>Makes a user of the host the owner of the root, as an engine does for a user namespace.</summary>
    public void GiveTo(int user)
    {
        using var process = System.Diagnostics.Process.Start("chown", ["-hR", $"{user}:{user}", Rootfs]);
        process.WaitForExit();
        Assert.Equal(0, process.ExitCode);
        // The user must reach its root through the directories above.
        for (var directory = path; directory != "/"; directory = System.IO.Path.GetDirectoryName(directory)!)
        {
            File.SetUnixFileMode(directory, File.GetUnixFileMode(directory) | UnixFileMode.OtherExecute);
        }
    }
}
