using System.Diagnostics;
using Gantry.Oci.Runtime;

namespace Gantry.Runtime.Tests;

/// <summary>
/// What checkpoint and restore do when CRIU cannot help. With CRIU they are checked by hand (docs/conformance.md): Debian 12's
/// CRIU 3.17 does not know newer kernels' vDSO and refuses to run there.
/// </summary>
public sealed class CheckpointTests(RuntimeFixture fixture) : IClassFixture<RuntimeFixture>
{
    [Fact]
    public async Task Checkpoint_CriuEnds_SaysSoAndTheContainerRunsOn()
    {
        var bundle = fixture.NewBundle("sleep 100");
        await fixture.DetachAsync("run", "-d", "-b", bundle.Path, bundle.Id);
        var (code, error) = await RunWithCriuAsync(bundle, "exit 1", "checkpoint", "--image-path", $"{bundle.Path}/images", bundle.Id);
        Assert.Equal(1, code);
        Assert.Contains("criu: ended without an answer", error);
        Assert.Contains("\"running\"", await fixture.SucceedAsync("state", bundle.Id));
        Assert.StartsWith("[\"/dev/null\"", await File.ReadAllTextAsync($"{bundle.Path}/images/descriptors.json"));
    }

    [Fact]
    public async Task Checkpoint_CriuFails_QuotesItsLog()
    {
        var bundle = fixture.NewBundle("sleep 100");
        await fixture.DetachAsync("run", "-d", "-b", bundle.Path, bundle.Id);
        var images = $"{bundle.Path}/images";
        var (code, error) = await RunWithCriuAsync(
            bundle, $"echo '(00.1) Error (criu/x.c:1): no luck' > {images}/dump.log", "checkpoint", "--image-path", images, bundle.Id);
        Assert.Equal(1, code);
        Assert.Contains("Error (criu/x.c:1): no luck", error);
        Assert.Contains($"{images}/dump.log", error);
    }

    [Fact]
    public async Task Restore_CriuEnds_LeavesNothing()
    {
        var bundle = fixture.NewBundle("sleep 100");
        var images = Directory.CreateDirectory($"{bundle.Path}/images").FullName;
        await File.WriteAllTextAsync($"{images}/descriptors.json", """["/dev/null","pipe:[1]","pipe:[2]"]""");
        var (code, error) = await RunWithCriuAsync(bundle, "exit 1", "restore", "-b", bundle.Path, "--image-path", images, bundle.Id);
        Assert.Equal(1, code);
        Assert.Contains("criu: ended without an answer", error);
        Assert.False(Directory.Exists($"{fixture.Root}/{bundle.Id}"));
        Assert.False(Directory.Exists($"/sys/fs/cgroup/memory/gantry-test/{bundle.Id}"));
        Assert.DoesNotContain(bundle.Id, await File.ReadAllTextAsync("/proc/self/mountinfo"));
    }

    [Fact]
    public async Task Restore_MountsInMounts_HaveTheirMountPoints()
    {
        var bundle = fixture.NewBundle("sleep 100", static spec => spec.Mounts!.AddRange(
        [
            new MountSpec { Destination = "/outer", Source = "outer", Options = ["bind"] },
            new MountSpec { Destination = "/outer/for/inner", Source = "inner", Options = ["bind"] },
            new MountSpec { Destination = "/outer/link/file", Source = "config.json", Options = ["bind"] },
        ]));
        Directory.CreateDirectory($"{bundle.Path}/outer");
        Directory.CreateDirectory($"{bundle.Path}/inner");
        // Where it leads from the host's root is none of the container's.
        File.CreateSymbolicLink($"{bundle.Path}/outer/link", $"{bundle.Path}/elsewhere");
        var images = Directory.CreateDirectory($"{bundle.Path}/images").FullName;
        await File.WriteAllTextAsync($"{images}/descriptors.json", """["/dev/null","pipe:[1]","pipe:[2]"]""");
        await RunWithCriuAsync(bundle, "exit 1", "restore", "-b", bundle.Path, "--image-path", images, bundle.Id);
        Assert.True(Directory.Exists($"{bundle.Path}/outer/for/inner"));
        Assert.True(Directory.Exists($"{bundle.Rootfs}/outer"));
        Assert.False(Directory.Exists($"{bundle.Path}/elsewhere"));
    }

    [Theory]
    [InlineData("checkpoint --manage-cgroups-mode loose ID", "--manage-cgroups-mode loose")]
    [InlineData("checkpoint --page-server nowhere ID", "--page-server nowhere")]
    [InlineData("checkpoint --parent-path /abs ID", "must be relative to the image path")]
    [InlineData("checkpoint --status-fd 77 ID", "the descriptor is not open")]
    [InlineData("checkpoint --empty-ns mount ID", "CRIU knows network only")]
    [InlineData("checkpoint ID", "does not exist")]
    [InlineData("restore --lsm-mount-context", "flag needs an argument: --lsm-mount-context")]
    [InlineData("restore --image-path /nowhere/images ID", "/nowhere/images")]
    public async Task Options_Wrong_AreSaid(string line, string expected)
    {
        var bundle = fixture.NewBundle("true");
        var arguments = line.Replace("ID", bundle.Id).Split(' ');
        var (code, _, error) = await fixture.RunAsync(
            arguments[0] == "restore" ? ["restore", "-b", bundle.Path, .. arguments[1..]] : arguments);
        Assert.Equal(1, code);
        Assert.Contains(expected, error);
    }

    /// <summary>Runs the runtime with a program named criu that runs a line of shell in place of CRIU.</summary>
    private async Task<(int Code, string Error)> RunWithCriuAsync(TestBundle bundle, string shell, params string[] arguments)
    {
        var programs = Directory.CreateDirectory($"{bundle.Path}/programs").FullName;
        await File.WriteAllTextAsync($"{programs}/criu", $"#!/bin/sh\n{shell}\n");
        File.SetUnixFileMode($"{programs}/criu", (UnixFileMode)0x1ED);
        var start = new ProcessStartInfo(fixture.RuntimePath, ["--root", fixture.Root, .. arguments]) { RedirectStandardError = true };
        start.Environment["PATH"] = $"{programs}:/usr/bin:/bin";
        using var process = Process.Start(start)!;
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        var error = await process.StandardError.ReadToEndAsync(limit.Token);
        await process.WaitForExitAsync(limit.Token);
        return (process.ExitCode, error);
    }
}
