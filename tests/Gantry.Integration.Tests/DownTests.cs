namespace Gantry.Integration.Tests;

/// <summary>After down nothing of an instance is left in the kernel, and up brings everything back.</summary>
public sealed class DownTests(GantryInstance gantry) : IClassFixture<GantryInstance>
{
    [Fact]
    public async Task Down_WithContainersAndPods_LeavesNothing_AndUpBringsThemBack()
    {
        await gantry.DockerOutputAsync("run", "-d", "--name", "keeper", "--restart", "always", "-p", "127.0.0.1::80", "busybox", "sleep", "1000");
        await gantry.KubectlOutputAsync("run", "sleeper", "--image=busybox", "--image-pull-policy=IfNotPresent", "--command", "--", "sleep", "1000");
        await gantry.KubectlOutputAsync("wait", "--for=condition=Ready", "pod/sleeper", "--timeout=30s");
        var run = Path.GetDirectoryName(Path.GetDirectoryName((await gantry.DockerOutputAsync("context", "inspect", "--format", "{{.Endpoints.docker.Host}}"))["unix://".Length..] + "/x"))!;
        var id = run[(run.LastIndexOf('-') + 1)..];

        var down = await gantry.GantryAsync("down");
        Assert.True(down.Code == 0, down.All);
        Assert.DoesNotContain("Unhandled exception", await File.ReadAllTextAsync(Path.Combine(gantry.Root, "gantryd.log")), StringComparison.Ordinal);

        Assert.DoesNotContain(gantry.Root, await File.ReadAllTextAsync("/proc/self/mounts"), StringComparison.Ordinal);
        Assert.DoesNotContain(id, (await Command.RunAsync("ip", ["link"])).Output, StringComparison.Ordinal);
        Assert.DoesNotContain(id, (await Command.RunAsync("nft", ["list", "tables"])).Output, StringComparison.Ordinal);
        Assert.DoesNotContain(gantry.Root, (await Command.RunAsync("ps", ["-eo", "args"])).Output, StringComparison.Ordinal);
        Assert.Empty(Directory.EnumerateDirectories("/sys/fs/cgroup", $"gantry-{id}", new EnumerationOptions { RecurseSubdirectories = true, MaxRecursionDepth = 2 }));
        Assert.False(Directory.Exists(run));

        await gantry.UpAsync();
        await gantry.WaitAsync("the container's return", async () =>
        {
            var names = await gantry.DockerOutputAsync("ps", "--format", "{{.Names}}");
            return (names.Contains("keeper", StringComparison.Ordinal), names);
        });
        await gantry.WaitAsync("the pod's return", async () =>
        {
            var phase = await gantry.KubectlOutputAsync("get", "pod/sleeper", "-o", "jsonpath={.status.phase} {.status.containerStatuses[0].ready}");
            return (phase == "Running true", phase);
        });
    }
}
