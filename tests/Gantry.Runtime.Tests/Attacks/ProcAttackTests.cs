using Gantry.Oci.Runtime;

namespace Gantry.Runtime.Tests.Attacks;

/// <summary>A container whose /proc is not procfs, so that what the runtime writes there goes elsewhere or nowhere.</summary>
public sealed class ProcAttackTests(RuntimeFixture fixture) : IClassFixture<RuntimeFixture>
{
    private const int Attempts = 30;

    /// <summary>CVE-2019-16884: a volume on /proc, so that labels and limits are written to the volume's files.</summary>
    [Theory]
    [InlineData("/proc")]
    [InlineData("/proc/")]
    [InlineData("/./proc")]
    [InlineData("/tmp/../proc")]
    [InlineData("/link")]
    public async Task Mount_VolumeOnProc_IsRefused(string destination)
    {
        var bundle = fixture.NewBundle("true", spec =>
            spec.Mounts!.Add(new MountSpec { Destination = destination, Type = "bind", Source = "volume", Options = ["bind"] }));
        File.CreateSymbolicLink($"{bundle.Rootfs}/link", "proc");
        await AssertRefusedAsync(bundle);
    }

    /// <summary>The same below /proc, and with a volume instead of procfs.</summary>
    [Theory]
    [InlineData("/proc/self/attr", false)]
    [InlineData("/proc/sys", false)]
    [InlineData("/proc/1", false)]
    [InlineData("/proc", true)]
    public async Task Mount_VolumeInsteadOfProcFiles_IsRefused(string destination, bool alone)
    {
        var bundle = fixture.NewBundle("true", spec =>
        {
            spec.Mounts!.RemoveAll(item => alone && item.Destination == "/proc");
            spec.Mounts.Add(new MountSpec { Destination = destination, Type = "bind", Source = "volume", Options = ["bind"] });
        });
        await AssertRefusedAsync(bundle);
    }

    /// <summary>What lxcfs and the like need stays possible: files that only tell of the machine.</summary>
    [Fact]
    public async Task Mount_FileOnProcMeminfo_IsMounted()
    {
        var bundle = fixture.NewBundle("cat /proc/meminfo", static spec =>
            spec.Mounts!.Add(new MountSpec { Destination = "/proc/meminfo", Type = "bind", Source = "meminfo", Options = ["bind", "ro"] }));
        await File.WriteAllTextAsync($"{bundle.Path}/meminfo", "MemTotal: 1 kB\n");
        Assert.Equal("MemTotal: 1 kB\n", (await bundle.RunAsync()).Output);
    }

    /// <summary>CVE-2019-19921, CVE-2023-27561, CVE-2023-28642: /proc or /sys is a link into something of the attacker's.</summary>
    [Theory]
    [InlineData("proc", "/tmp/fake")]
    [InlineData("proc", "tmp/fake")]
    [InlineData("sys", "/tmp/fake")]
    [InlineData("proc", "/proc-elsewhere")]
    public async Task Mount_ProcIsALink_IsRefused(string name, string target)
    {
        var bundle = fixture.NewBundle("true");
        Directory.Delete($"{bundle.Rootfs}/{name}");
        Directory.CreateDirectory($"{bundle.Rootfs}/tmp/fake/self/attr");
        File.CreateSymbolicLink($"{bundle.Rootfs}/{name}", target);
        await AssertRefusedAsync(bundle);
        Assert.False(Directory.Exists($"{bundle.Rootfs}/proc-elsewhere"));
    }

    /// <summary>CVE-2019-19921: the same, swapped by another container that has the root as its volume.</summary>
    [Fact]
    public async Task Mount_ProcIsSwappedForALink_IsProcfsOrRefused()
    {
        // Unmasked files of procfs would show too: the masks must find it wherever its directory has gone.
        var bundle = fixture.NewBundle("for p in /proc /linked; do [ -e $p/keys ] && busybox stat -c '%F' $p/keys; done; true");
        Directory.CreateDirectory($"{bundle.Rootfs}/tmp/fake/self");
        File.CreateSymbolicLink($"{bundle.Rootfs}/linked", "/tmp/fake");
        bundle.Change(spec => spec.Hooks = new HooksSpec
        {
            // In the container's mount namespace: what of procfs is mounted below the image's own directory.
            CreateContainer =
            [
                new HookSpec { Path = "/bin/sh", Args = ["sh", "-c", $"grep -F ' {bundle.Rootfs}/tmp/' /proc/self/mountinfo >> {bundle.Path}/escaped; true"] },
            ],
        });
        var (ran, refused) = (0, 0);
        using (var swapper = new PathSwapper($"{bundle.Rootfs}/proc", $"{bundle.Rootfs}/linked"))
        {
            for (var attempt = 0; attempt < Attempts; attempt++)
            {
                var (code, output, _) = await bundle.RunAsync();
                (ran, refused) = code == 0 ? (ran + 1, refused) : (ran, refused + 1);
                Assert.DoesNotContain("regular", output);
            }
            Assert.InRange(swapper.Count, Attempts, long.MaxValue);
        }
        Assert.InRange(ran, 1, Attempts);
        Assert.InRange(refused, 0, Attempts - 1);
        Assert.Equal("", await File.ReadAllTextAsync($"{bundle.Path}/escaped"));
        Assert.Equal(["self"], Directory.GetFileSystemEntries($"{bundle.Rootfs}/tmp/fake").Select(Path.GetFileName));
        Assert.Empty(Directory.GetFileSystemEntries($"{bundle.Rootfs}/tmp/fake/self"));
    }

    /// <summary>
    /// CVE-2025-52881: in a mount namespace that the attacker has prepared, /proc is full of links. What the runtime writes
    /// (sysctls, the OOM score) must reach the kernel or nothing.
    /// </summary>
    [Theory]
    [InlineData("create")]
    [InlineData("exec")]
    public async Task Writes_ProcOfAJoinedMountNamespaceIsFake_ReachOnlyTheKernel(string command)
    {
        // The attacker: a container that was given the right to mount, and that covers its /proc.
        var attacker = fixture.NewBundle(
            "busybox mount -t tmpfs none /proc && mkdir -p /proc/self /proc/sys/net/ipv4 /proc/thread-self /proc/1 && "
            + "for f in self/oom_score_adj thread-self/oom_score_adj 1/oom_score_adj sys/net/ipv4/ip_default_ttl self/uid_map; do "
            + "ln -s /tmp/victim /proc/$f; done; echo ready; sleep 1000",
            static spec =>
            {
                spec.Linux!.MaskedPaths = [];
                spec.Linux.ReadonlyPaths = [];
                foreach (var set in (ReadOnlySpan<List<string>>)[spec.Process!.Capabilities!.Bounding!, spec.Process.Capabilities.Effective!, spec.Process.Capabilities.Permitted!])
                {
                    set.Add("CAP_SYS_ADMIN");
                }
            });
        await File.WriteAllTextAsync($"{attacker.Rootfs}/tmp/victim", "untouched");
        await attacker.StartAsync();
        await attacker.WaitForOutputAsync("ready");
        if (command == "exec")
        {
            var process = $"{attacker.Path}/process.json";
            await File.WriteAllTextAsync(process, """{"args":["/bin/busybox","true"],"cwd":"/","oomScoreAdj":500,"user":{"uid":0,"gid":0}}""");
            await fixture.RunAsync("exec", "--process", process, attacker.Id);
        }
        else
        {
            var pid = await attacker.PidAsync();
            var bundle = fixture.NewBundle("true", spec =>
            {
                spec.Linux!.Namespaces!.Find(static item => item.Type == "mount")!.Path = $"/proc/{pid}/ns/mnt";
                spec.Linux.Sysctl = new() { ["net.ipv4.ip_default_ttl"] = "77" };
                spec.Process!.OomScoreAdj = 500;
                spec.Root!.Path = "/";
                spec.Mounts = [];
            });
            await bundle.RunAsync();
        }
        Assert.Equal("untouched", await File.ReadAllTextAsync($"{attacker.Rootfs}/tmp/victim"));
    }

    /// <summary>CVE-2025-52881: mounts of the container's own configuration cannot catch a sysctl either.</summary>
    [Fact]
    public async Task Sysctl_ReachesTheKernel_WhateverIsMountedInTheContainer()
    {
        var bundle = fixture.NewBundle("cat /proc/sys/net/ipv4/ip_default_ttl", static spec => spec.Linux!.Sysctl = new() { ["net.ipv4.ip_default_ttl"] = "77" });
        Assert.Equal("77\n", (await bundle.RunAsync()).Output);
    }

    /// <summary>A sysctl's name that climbs out of /proc/sys, or that is not a namespace's, would act on the host.</summary>
    [Theory]
    [InlineData("net/../kernel/core_pattern")]
    [InlineData("net.ipv4/../../kernel.core_pattern")]
    [InlineData("kernel.core_pattern")]
    [InlineData("/net/../../sysrq-trigger")]
    public async Task Sysctl_NameLeadsToTheHost_IsRefused(string name)
    {
        var before = await File.ReadAllTextAsync("/proc/sys/kernel/core_pattern");
        var bundle = fixture.NewBundle("true", spec => spec.Linux!.Sysctl = new() { [name] = "|/attack" });
        Assert.NotEqual(0, (await bundle.RunAsync()).ExitCode);
        Assert.Equal(before, await File.ReadAllTextAsync("/proc/sys/kernel/core_pattern"));
    }

    private async Task AssertRefusedAsync(TestBundle bundle)
    {
        Directory.CreateDirectory($"{bundle.Path}/volume/self/attr");
        Directory.CreateDirectory($"{bundle.Path}/volume/1");
        var (code, output, error) = await bundle.RunAsync();
        Assert.NotEqual(0, code);
        Assert.Equal("", output);
        Assert.Contains("mount", error);
        Assert.False(Directory.Exists($"{fixture.Root}/{bundle.Id}"));
    }
}
