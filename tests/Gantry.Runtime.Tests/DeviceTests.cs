using Gantry.Oci.Runtime;

namespace Gantry.Runtime.Tests;

/// <summary>Device nodes, links of /dev, masked and read-only paths.</summary>
public sealed class DeviceTests(RuntimeFixture fixture) : IClassFixture<RuntimeFixture>
{
    [Fact]
    public async Task Run_Devices_AreMadeWithModeAndOwner()
    {
        var bundle = fixture.NewBundle(
            "stat -c '%F %t:%T %a %u:%g' /dev/ch /dev/un /dev/bl /dev/pi /deep/er/node /dev/null /dev/there",
            static spec => spec.Linux!.Devices =
            [
                new() { Path = "/dev/ch", Type = "c", Major = 1, Minor = 3, FileMode = 0x1A4, Uid = 7, Gid = 8 },
                new() { Path = "/dev/un", Type = "u", Major = 1, Minor = 5 },
                new() { Path = "/dev/bl", Type = "b", Major = 7, Minor = 300, FileMode = 0x180 },
                new() { Path = "/dev/pi", Type = "p", FileMode = 0x1ED, Uid = 3 },
                new() { Path = "/deep/er/node", Type = "c", Major = 1, Minor = 9, FileMode = 0x2124 },
                new() { Path = "/dev/null", Type = "c", Major = 1, Minor = 3, FileMode = 0x1B0, Gid = 6 },
                new() { Path = "/dev/there", Type = "c", Major = 1, Minor = 7, FileMode = 0x1FF },
            ]);
        bundle.Change(static spec => spec.Mounts!.RemoveAll(static mount => mount.Destination == "/dev"));
        await fixture.RunShellAsync($"mknod -m 600 {bundle.Rootfs}/dev/there c 1 7");
        var (code, output, error) = await bundle.RunAsync();
        Assert.True(code == 0, error);
        string[] expected =
        [
            "character special file 1:3 644 7:8", "character special file 1:5 666 0:0", "block special file 7:12c 600 0:0",
            "fifo 0:0 755 3:0", "character special file 1:9 444 0:0", "character special file 1:3 660 0:6", "character special file 1:7 777 0:0",
        ];
        Assert.Equal(expected, output.TrimEnd().Split('\n'));
    }

    [Fact]
    public async Task Run_AnotherFileInTheDevicesPlace_IsAnError()
    {
        var bundle = fixture.NewBundle("true", static spec => spec.Linux!.Devices =
            [new() { Path = "/etc/dev", Type = "c", Major = 1, Minor = 3 }]);
        await File.WriteAllTextAsync($"{bundle.Rootfs}/etc/dev", "a file");
        var (code, _, error) = await bundle.RunAsync();
        Assert.Equal(1, code);
        Assert.Contains("device /etc/dev: another file is there", error);
        Assert.Equal("a file", await File.ReadAllTextAsync($"{bundle.Rootfs}/etc/dev"));
    }

    [Fact]
    public async Task Run_UserNamespace_BindsTheHostsNodes()
    {
        var bundle = fixture.NewBundle(
            "echo x > /dev/null && head -c 2 /dev/zero | wc -c; head -c 3 /dev/fuller 2>&1 | wc -c; stat -c %t:%T /dev/full", static spec =>
            {
                NamespaceTests.AddUserNamespace(spec);
                spec.Linux!.Devices = [new() { Path = "/dev/full", Type = "c", Major = 1, Minor = 7 }];
            });
        var (_, output, error) = await bundle.RunAsync();
        Assert.True(output.StartsWith("2\n", StringComparison.Ordinal) && output.EndsWith("1:7\n", StringComparison.Ordinal), output + error);
        bundle.Change(static spec => spec.Linux!.Devices = [new() { Path = "/dev/full", Type = "c", Major = 1, Minor = 3 }]);
        (var code, _, error) = await bundle.RunAsync();
        Assert.Equal(1, code);
        Assert.Contains("device /dev/full: a user namespace cannot make it", error);
    }

    [Fact]
    public async Task Run_DefaultDevicesAndLinks_AreThere()
    {
        var bundle = fixture.NewBundle(
            "for d in null zero full random urandom tty; do test -c /dev/$d || echo no $d; done; for l in fd stdin stdout stderr ptmx; do readlink /dev/$l; done");
        Assert.Equal(
            "/proc/self/fd\n/proc/self/fd/0\n/proc/self/fd/1\n/proc/self/fd/2\npts/ptmx\n", (await bundle.RunAsync()).Output);
    }

    [Fact]
    public async Task Run_MaskedAndReadonlyPaths_HoldAlsoThroughLinks()
    {
        var bundle = fixture.NewBundle(
            "ls /hidden | wc -l; cat /etc/secret | wc -c; cat /link | wc -c; touch /fixed/x || echo ro; echo y > /etc/plain || echo ro; touch /open/z && echo rw",
            static spec =>
            {
                spec.Linux!.MaskedPaths = ["/hidden", "/etc/secret", "/missing", "/link"];
                spec.Linux.ReadonlyPaths = ["/fixed", "/etc/plain", "/missing/too"];
            });
        foreach (var name in (string[])["hidden", "fixed", "open"])
        {
            Directory.CreateDirectory($"{bundle.Rootfs}/{name}");
            await File.WriteAllTextAsync($"{bundle.Rootfs}/{name}/file", "text");
        }
        await File.WriteAllTextAsync($"{bundle.Rootfs}/etc/secret", "text");
        await File.WriteAllTextAsync($"{bundle.Rootfs}/etc/plain", "text");
        File.CreateSymbolicLink($"{bundle.Rootfs}/link", "/hidden/file");
        var (_, output, _) = await bundle.RunAsync();
        Assert.Equal("0\n0\n0\nro\nro\nrw\n", output);
    }

    [Fact]
    public async Task Run_Sysctls_AreSetInTheContainerOnly()
    {
        var before = await File.ReadAllTextAsync("/proc/sys/kernel/msgmax");
        var bundle = fixture.NewBundle(
            "cat /proc/sys/net/ipv4/ip_local_port_range /proc/sys/kernel/msgmax /proc/sys/net/ipv4/conf/lo/forwarding /proc/sys/kernel/domainname | tr -s '\\t' ' '",
            static spec => spec.Linux!.Sysctl = new()
            {
                ["net.ipv4.ip_local_port_range"] = "2000 3000",
                ["kernel.msgmax"] = "65000",
                ["net/ipv4/conf/lo/forwarding"] = "1",
                ["kernel.domainname"] = "dn",
            });
        var (_, output, error) = await bundle.RunAsync();
        Assert.True(output == "2000 3000\n65000\n1\ndn\n", output + error);
        Assert.Equal(before, await File.ReadAllTextAsync("/proc/sys/kernel/msgmax"));
        bundle.Change(static spec => spec.Linux!.Sysctl = new() { ["net.no.such"] = "1" });
        (var code, _, error) = await bundle.RunAsync();
        Assert.Equal(1, code);
        Assert.Contains("net/no/such: no such file or directory (ENOENT)", error);
    }
}
