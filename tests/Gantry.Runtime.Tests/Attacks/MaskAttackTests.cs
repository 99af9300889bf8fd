using Gantry.Oci.Runtime;

namespace Gantry.Runtime.Tests.Attacks;

/// <summary>Files of the container's /dev that the runtime could take for devices: /dev/null, /dev/console, /dev/pts.</summary>
public sealed class MaskAttackTests(RuntimeFixture fixture) : IClassFixture<RuntimeFixture>
{
    private const int Attempts = 20;

    // What each masked file is: the null device, and nothing else.
    private const string Look = "for p in /proc/keys /proc/timer_list /proc/interrupts; do busybox stat -c '%n %F %t:%T' $p; done; "
        + "[ -e /tmp/victim ] && echo attack > /proc/interrupts; cat /tmp/victim";

    private const string Masked = "/proc/keys character special file 1:3\n/proc/timer_list character special file 1:3\n"
        + "/proc/interrupts character special file 1:3\n";

    /// <summary>CVE-2025-31133: the container's /dev/null is a link, and what it leads to is mounted over the masked paths.</summary>
    [Theory]
    [InlineData("/tmp/victim")]
    [InlineData("/proc/sys/kernel/core_pattern")]
    [InlineData("/no/such/file")]
    public async Task Masks_NullDeviceIsALink_AreTheNullDevice(string target)
    {
        var bundle = NewBundle(Look);
        File.CreateSymbolicLink($"{bundle.Path}/dev/null", target);
        if (target != "/tmp/victim")
        {
            // Where the attack would act on the host, a runtime that falls for it is only found out.
            File.Delete($"{bundle.Rootfs}/tmp/victim");
        }
        var (_, output, _) = await bundle.RunAsync();
        Assert.Equal(Masked + (target == "/tmp/victim" ? "untouched" : ""), output);
    }

    /// <summary>The same with a link that comes and goes while the runtime looks.</summary>
    [Fact]
    public async Task Masks_NullDeviceIsSwappedForALink_AreTheNullDevice()
    {
        var bundle = NewBundle(Look);
        await MakeNodeAsync($"{bundle.Path}/dev/null", "c 1 3");
        File.CreateSymbolicLink($"{bundle.Path}/dev/link", "/tmp/victim");
        using var swapper = new PathSwapper($"{bundle.Path}/dev/null", $"{bundle.Path}/dev/link");
        for (var attempt = 0; attempt < Attempts; attempt++)
        {
            var (code, output, error) = await bundle.RunAsync();
            Assert.True(code == 0, error);
            Assert.Equal(Masked + "untouched", output);
        }
        Assert.InRange(swapper.Count, Attempts, long.MaxValue);
    }

    /// <summary>CVE-2025-52565: the terminal's path is a link, and what it leads to is mounted, writable, on /dev/console.</summary>
    [Theory]
    [InlineData("pts", "/dev/pts/0")]
    [InlineData("console", "/dev/console")]
    public async Task Console_PathIsALink_NothingElseIsMounted(string what, string path)
    {
        var bundle = NewBundle(
            "busybox tty; busybox stat -c '%F %t' /dev/console; echo attack > /dev/console; cat /tmp/victim",
            static spec =>
            {
                spec.Process!.Terminal = true;
                spec.Mounts!.RemoveAll(static item => item.Destination == "/dev/pts");
            });
        if (what == "pts")
        {
            // Not a devpts: a directory of the attacker's with a terminal multiplexer and a link for the slave.
            Directory.CreateDirectory($"{bundle.Path}/dev/pts");
            await MakeNodeAsync($"{bundle.Path}/dev/pts/ptmx", "c 5 2");
        }
        else
        {
            Directory.CreateDirectory($"{bundle.Path}/dev/pts");
            bundle.Change(static spec => spec.Mounts!.Add(new MountSpec
            {
                Destination = "/dev/pts",
                Type = "devpts",
                Source = "devpts",
                Options = ["newinstance", "ptmxmode=0666", "mode=0620"],
            }));
        }
        File.CreateSymbolicLink($"{bundle.Path}{path}", "/tmp/victim");
        var (code, output, error) = await bundle.RunAsync();
        // Refused with a reason, and nothing was written to what the link names.
        Assert.NotEqual(0, code);
        Assert.NotEqual("", error);
        Assert.DoesNotContain("attack", output);
        Assert.Equal("untouched", await File.ReadAllTextAsync($"{bundle.Rootfs}/tmp/victim"));
    }

    /// <summary>A good /dev/console for comparison: it is the terminal, and only the terminal.</summary>
    [Fact]
    public async Task Console_OfTheContainer_IsItsTerminal()
    {
        var bundle = fixture.NewBundle("busybox tty; busybox stat -c '%F %t' /dev/console; echo hello > /dev/console", static spec => spec.Process!.Terminal = true);
        var (code, output, _) = await bundle.RunAsync();
        Assert.Equal((0, "/dev/pts/0\ncharacter special file 88\nhello\n"), (code, output));
    }

    private TestBundle NewBundle(string command, Action<RuntimeSpec>? change = null)
    {
        var bundle = fixture.NewBundle(command, spec =>
        {
            spec.Mounts!.RemoveAll(static item => item.Destination == "/dev" || item.Destination is "/dev/shm" or "/dev/mqueue");
            // The volume of a container that has /dev to itself.
            spec.Mounts.Insert(1, new MountSpec { Destination = "/dev", Type = "bind", Source = "dev", Options = ["rbind"] });
            if (spec.Mounts.Find(static item => item.Destination == "/dev/pts") is { } terminals)
            {
                spec.Mounts.Remove(terminals);
                spec.Mounts.Add(terminals);
            }
            change?.Invoke(spec);
        });
        Directory.CreateDirectory($"{bundle.Path}/dev/pts");
        File.WriteAllText($"{bundle.Rootfs}/tmp/victim", "untouched");
        return bundle;
    }

    private async Task MakeNodeAsync(string path, string device)
    {
        var result = await fixture.RunShellAsync($"busybox mknod {path} {device}");
        Assert.True(result.ExitCode == 0, result.Error);
    }
}
