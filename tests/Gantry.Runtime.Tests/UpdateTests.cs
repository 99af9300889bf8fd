using System.Text.Json.Nodes;
using Gantry.Oci.Runtime;

namespace Gantry.Runtime.Tests;

/// <summary>update and OOM events, against the kernel's own files.</summary>
public sealed class UpdateTests(RuntimeFixture fixture) : IClassFixture<RuntimeFixture>
{
    [Fact]
    public async Task Update_Flags_ChangeTheKernelsFiles()
    {
        var bundle = await StartAsync();
        await fixture.SucceedAsync(
            "update", "--memory", "64M", "--memory-swap", "96M", "--memory-reservation", "32m", "--cpu-quota", "40000",
            "--cpu-period", "80000", "--cpu-share", "512", "--pids-limit", "77", "--cpuset-cpus", "0", bundle.Id);
        Assert.Equal("67108864", Read(bundle, "memory", "memory.limit_in_bytes"));
        Assert.Equal("100663296", Read(bundle, "memory", "memory.memsw.limit_in_bytes"));
        Assert.Equal("33554432", Read(bundle, "memory", "memory.soft_limit_in_bytes"));
        Assert.Equal("40000", Read(bundle, "cpu", "cpu.cfs_quota_us"));
        Assert.Equal("80000", Read(bundle, "cpu", "cpu.cfs_period_us"));
        Assert.Equal("512", Read(bundle, "cpu", "cpu.shares"));
        Assert.Equal("77", Read(bundle, "pids", "pids.max"));
        Assert.Equal("0", Read(bundle, "cpuset", "cpuset.cpus"));

        // Up both at once, though the memory limit may never pass that of both together; then no limit at all.
        await fixture.SucceedAsync("update", "--memory", "128M", "--memory-swap", "192M", bundle.Id);
        Assert.Equal("134217728", Read(bundle, "memory", "memory.limit_in_bytes"));
        await fixture.SucceedAsync("update", "--memory", "-1", "--pids-limit", "-1", "--cpu-quota", "-1", bundle.Id);
        Assert.Equal("max", Read(bundle, "pids", "pids.max"));
        Assert.Equal("-1", Read(bundle, "cpu", "cpu.cfs_quota_us"));
        Assert.True(ulong.Parse(Read(bundle, "memory", "memory.memsw.limit_in_bytes")) > 1UL << 60);
    }

    [Fact]
    public async Task Update_FromFile_ChangesWhatItNamesAlone()
    {
        var bundle = await StartAsync();
        var file = $"{bundle.Path}/resources.json";
        await File.WriteAllTextAsync(
            file, """{"memory":{"limit":83886080},"devices":[{"allow":true,"type":"c","major":10,"minor":200,"access":"rwm"}]}""");
        await fixture.SucceedAsync("update", "--resources", file, bundle.Id);
        Assert.Equal("83886080", Read(bundle, "memory", "memory.limit_in_bytes"));
        Assert.Equal("1024", Read(bundle, "cpu", "cpu.shares"));
        Assert.Contains("c 10:200 rwm", Read(bundle, "devices", "devices.list"));
    }

    [Theory]
    [InlineData("--memory 1M --memory-swap 512K", "must not be below the memory limit")]
    [InlineData("--memory much", "is not a size such as 64M")]
    [InlineData("--cpu-period -5", "invalid value for cpu-period")]
    [InlineData("--l3-cache-schema L3:0=f", "resctrl is not mounted on /sys/fs/resctrl; mount it")]
    [InlineData("--mem-bw-schema MB:0=20", "resctrl is not mounted on /sys/fs/resctrl; mount it")]
    [InlineData("--blkio-weight 70000", "invalid value for blkio-weight")]
    public async Task Update_ThatCannotBe_SaysWhy(string options, string expected)
    {
        var bundle = await StartAsync();
        var (code, _, error) = await fixture.RunAsync(["update", .. options.Split(' '), bundle.Id]);
        Assert.Equal(1, code);
        Assert.Contains(expected, error);
    }

    [Fact]
    public async Task Update_BelowUsageWithCheck_IsRefused()
    {
        var bundle = fixture.NewBundle("dd if=/dev/zero of=/dev/shm/f bs=1M count=16; touch /ready; sleep 100");
        await fixture.DetachAsync("run", "-d", "-b", bundle.Path, bundle.Id);
        await Waiting.UntilAsync(() => Task.FromResult(File.Exists($"{bundle.Rootfs}/ready")));
        var file = $"{bundle.Path}/resources.json";
        await File.WriteAllTextAsync(file, """{"memory":{"limit":4194304,"checkBeforeUpdate":true}}""");
        var (code, _, error) = await fixture.RunAsync("update", "-r", file, bundle.Id);
        Assert.Equal(1, code);
        Assert.Contains("below the", error);
    }

    [Fact]
    public async Task Create_MissingController_IsNamedWithTheRemedyOnlyWhenAskedFor()
    {
        var bundle = fixture.NewBundle("true", static spec =>
            spec.Linux!.Resources!.Network = new NetworkResourcesSpec { ClassID = 0x100001 });
        var (code, _, error) = await bundle.RunAsync();
        Assert.Equal(1, code);
        Assert.Contains("the cgroup controller net_cls is not mounted", error);
        Assert.Contains("mount -t cgroup -o net_cls", error);
        bundle = fixture.NewBundle("true", static spec => spec.Linux!.Resources!.Network = new NetworkResourcesSpec());
        Assert.Equal(0, (await bundle.RunAsync()).ExitCode);
    }

    [Fact]
    public async Task Create_PageSizeListedTwice_IsNoCrash()
    {
        var bundle = fixture.NewBundle("true", static spec => spec.Linux!.Resources!.HugepageLimits =
        [
            new HugepageLimitSpec { PageSize = "2MB", Limit = 1 << 21 }, new HugepageLimitSpec { PageSize = "2MB", Limit = 1 << 22 },
        ]);
        var (code, _, error) = await bundle.RunAsync();
        // Where the controller is missing the limit is refused by name; where it is there, the last one counts.
        Assert.True(code == 0 || error.Contains("hugetlb", StringComparison.Ordinal), error);
        Assert.DoesNotContain("Unhandled", error);
    }

    [Fact]
    public async Task Events_KilledForMemory_TellsOom()
    {
        var bundle = fixture.NewBundle(
            "until [ -e /go ]; do sleep 0.02; done; dd if=/dev/zero of=/dev/shm/f bs=1M count=60; sleep 100",
            static spec => spec.Linux!.Resources!.Memory = new MemorySpec { Limit = 16 << 20, Swap = 16 << 20 });
        await fixture.DetachAsync("run", "-d", "-b", bundle.Path, bundle.Id);
        var events = fixture.RunAsync("events", "--interval", "50ms", bundle.Id);
        await Task.Delay(200);
        await File.WriteAllTextAsync($"{bundle.Rootfs}/go", "");
        await Waiting.UntilAsync(() => Task.FromResult(
            Read(bundle, "memory", "memory.oom_control").Contains("oom_kill 1", StringComparison.Ordinal)));
        await Task.Delay(200);
        await fixture.SucceedAsync("kill", bundle.Id, "KILL");
        var lines = (await events).Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(static line => JsonNode.Parse(line)!);
        Assert.Contains(lines, static line => (string)line["type"]! == "stats");
        Assert.Contains(lines, static line => (string)line["type"]! == "oom");
    }

    private async Task<TestBundle> StartAsync()
    {
        var bundle = fixture.NewBundle("sleep 100");
        await fixture.DetachAsync("run", "-d", "-b", bundle.Path, bundle.Id);
        return bundle;
    }

    private static string Read(TestBundle bundle, string controller, string file) =>
        File.ReadAllText($"/sys/fs/cgroup/{controller}/gantry-test/{bundle.Id}/{file}").Trim();
}
