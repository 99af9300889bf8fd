using System.Diagnostics;
using Gantry.Oci.Runtime;

namespace Gantry.Runtime.Tests.Attacks;

/// <summary>CVE-2024-21626: a descriptor of a host's directory, left open in the runtime, as working directory or program.</summary>
public sealed class DescriptorAttackTests(RuntimeFixture fixture) : IClassFixture<RuntimeFixture>
{
    private const int Descriptors = 30;

    // From wherever the process is, up to the root that it can see, and down to the host's secret.
    private string Climb => $"cat ../../../../../../../..{fixture.Directory}/secret; cat .{fixture.Directory}/secret; pwd";

    [Fact]
    public async Task Run_WorkingDirectoryIsADescriptor_NeverSeesTheHost()
    {
        await File.WriteAllTextAsync($"{fixture.Directory}/secret", "host's secret");
        for (var number = 3; number < Descriptors; number++)
        {
            var bundle = fixture.NewBundle(Climb, spec => spec.Process!.Cwd = $"/link/fd/{number}");
            // Also with a link in between, and with a descriptor of the host's root that the caller had open.
            File.CreateSymbolicLink($"{bundle.Rootfs}/link", "/proc/self");
            var (code, output, error) = await RunWithRootOpenAsync(number, "run", "-b", bundle.Path, bundle.Id);
            Assert.DoesNotContain("host's secret", output + error);
            Assert.NotEqual(0, code);
        }
    }

    [Fact]
    public async Task Exec_WorkingDirectoryIsADescriptor_NeverSeesTheHost()
    {
        await File.WriteAllTextAsync($"{fixture.Directory}/secret", "host's secret");
        var bundle = fixture.NewBundle("sleep 1000");
        await bundle.StartAsync();
        for (var number = 3; number < Descriptors; number++)
        {
            var (code, output, error) = await RunWithRootOpenAsync(number, "exec", "--cwd", $"/proc/self/fd/{number}", bundle.Id, "sh", "-c", Climb);
            Assert.DoesNotContain("host's secret", output + error);
            Assert.NotEqual(0, code);
        }
    }

    /// <summary>The program itself by a descriptor: a host's program would run in the container, and could be overwritten.</summary>
    [Fact]
    public async Task Run_ProgramIsReachedByADescriptor_IsNotFound()
    {
        // Busybox goes by its name. It lies beside the container's own, where only a host's path leads to.
        var program = $"{Directory.CreateDirectory($"{fixture.Directory}/host").FullName}/busybox";
        File.Copy("/bin/busybox", program);
        for (var number = 3; number < Descriptors; number++)
        {
            var bundle = fixture.NewBundle("", spec => spec.Process!.Args =
                [$"/proc/self/fd/{number}/../../../../../../../..{program}", "echo", "ran"]);
            var (code, output, _) = await RunWithRootOpenAsync(number, "run", "-b", bundle.Path, bundle.Id);
            Assert.NotEqual(0, code);
            Assert.DoesNotContain("ran", output);
        }
    }

    /// <summary>What the container's program inherits: the three streams and what --preserve-fds names.</summary>
    [Theory]
    [InlineData(0, "0\n1\n2\n")]
    [InlineData(1, "0\n1\n2\n3\n")]
    public async Task Run_CallerHasDescriptorsOpen_ProgramGetsThoseThatWereNamed(int preserved, string expected)
    {
        var bundle = fixture.NewBundle("", static spec => spec.Process!.Args = ["sh", "-c", "ls /proc/1/fd; true"]);
        var result = await fixture.RunShellAsync(
            $"exec 3</dev/null 4</ 5</etc; exec {fixture.RuntimePath} --root {fixture.Root} run --preserve-fds {preserved} -b {bundle.Path} {bundle.Id}");
        Assert.Equal((0, expected), (result.ExitCode, result.Output));
    }

    /// <summary>Runs gantry-runtime with the host's root open as the descriptor (where the runtime has none of its own).</summary>
    private Task<(int ExitCode, string Output, string Error)> RunWithRootOpenAsync(int number, params string[] arguments)
    {
        var quoted = string.Join(' ', new[] { fixture.RuntimePath, "--root", fixture.Root }.Concat(arguments).Select(static item => $"'{item.Replace("'", "'\\''")}'"));
        return fixture.RunProcessAsync(new ProcessStartInfo("/bin/bash", ["-c", $"exec {number}</; exec {quoted}"]));
    }
}
