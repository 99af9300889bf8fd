using Gantry.Oci.Runtime;

namespace Gantry.Runtime.Tests;

/// <summary>Every mount option, by what /proc/self/mountinfo of the container says, and by trying.</summary>
public sealed class MountTests(RuntimeFixture fixture) : IClassFixture<RuntimeFixture>
{
    [Theory]
    [InlineData("ro", "ro,")]
    [InlineData("rw", "rw,")]
    [InlineData("ro rw", "rw,")]
    [InlineData("nosuid", "nosuid")]
    [InlineData("nosuid suid", "!nosuid")]
    [InlineData("nodev", "nodev")]
    [InlineData("nodev dev", "!nodev")]
    [InlineData("noexec", "noexec")]
    [InlineData("noexec exec", "!noexec")]
    [InlineData("noatime", "noatime")]
    [InlineData("noatime atime", "relatime")]
    [InlineData("relatime", "relatime")]
    [InlineData("norelatime", "relatime")]
    [InlineData("strictatime", "!atime")]
    [InlineData("strictatime nostrictatime", "relatime")]
    [InlineData("nodiratime", "nodiratime")]
    [InlineData("nodiratime diratime", "!nodiratime")]
    [InlineData("nosymfollow", "nosymfollow")]
    [InlineData("nosymfollow symfollow", "!nosymfollow")]
    [InlineData("sync", "super:sync")]
    [InlineData("sync async", "super:!sync")]
    [InlineData("dirsync", "super:dirsync")]
    [InlineData("mand nomand silent loud iversion noiversion defaults", "rw,")]
    [InlineData("lazytime", "super:lazytime")]
    [InlineData("lazytime nolazytime", "super:!lazytime")]
    [InlineData("ro", "super:ro")]
    [InlineData("size=2m mode=700", "super:size=2048k")]
    [InlineData("mode=711", "super:mode=711")]
    [InlineData("private", "fields:!shared:")]
    [InlineData("shared", "fields:shared:")]
    [InlineData("rshared", "fields:shared:")]
    [InlineData("shared slave", "fields:!shared:")]
    [InlineData("rslave", "fields:!shared:")]
    [InlineData("unbindable", "fields:unbindable")]
    [InlineData("runbindable", "fields:unbindable")]
    [InlineData("rprivate", "fields:!unbindable")]
    public async Task Run_NewMountWithOption_HasIt(string options, string expected)
    {
        var bundle = fixture.NewBundle("grep ' /t ' /proc/self/mountinfo", spec => spec.Mounts!.Add(
            new MountSpec { Destination = "/t", Type = "tmpfs", Source = "tmpfs", Options = [.. options.Split(' ')] }));
        AssertMount(await LineAsync(bundle), expected);
    }

    [Theory]
    [InlineData("bind", "ro", "ro,", "rw,")]
    [InlineData("rbind", "ro", "ro,", "rw,")]
    [InlineData("rbind", "rro", "ro,", "ro,")]
    [InlineData("rbind", "rro rrw", "rw,", "rw,")]
    [InlineData("rbind", "rnosuid", "nosuid", "nosuid")]
    [InlineData("rbind", "rnodev", "nodev", "nodev")]
    [InlineData("rbind", "rnoexec", "noexec", "noexec")]
    [InlineData("rbind", "rnoexec rexec", "!noexec", "!noexec")]
    [InlineData("rbind", "rnosuid rsuid", "!nosuid", "!nosuid")]
    [InlineData("rbind", "rnodev rdev", "!nodev", "!nodev")]
    [InlineData("rbind", "rnoatime", "noatime", "noatime")]
    [InlineData("rbind", "rnoatime ratime", "relatime", "relatime")]
    [InlineData("rbind", "rnoatime rrelatime", "relatime", "relatime")]
    [InlineData("rbind", "rstrictatime", "!relatime", "!relatime")]
    [InlineData("rbind", "rnodiratime", "nodiratime", "nodiratime")]
    [InlineData("rbind", "rnosymfollow", "nosymfollow", "nosymfollow")]
    [InlineData("rbind", "rnosymfollow rsymfollow", "!nosymfollow", "!nosymfollow")]
    [InlineData("rbind", "rro rw", "ro,", "ro,")]
    [InlineData("rbind", "noatime", "noatime", "!noatime")]
    [InlineData("rbind", "rshared", "fields:shared:", "fields:shared:")]
    [InlineData("rbind", "rprivate", "fields:!master:", "fields:!master:")]
    [InlineData("rbind", "shared", "fields:shared:", "fields:!shared:")]
    [InlineData("rbind", "sync rsync", "rw,", "rw,")]
    public async Task Run_BindMountWithOption_HasItOnTheTopOrTheTree(string kind, string options, string top, string below)
    {
        var tree = NewTree();
        try
        {
            var bundle = fixture.NewBundle("grep ' /b ' /proc/self/mountinfo; grep ' /b/sub ' /proc/self/mountinfo", spec => spec.Mounts!.Add(
                new MountSpec { Destination = "/b", Source = tree, Options = [kind, .. options.Split(' ')] }));
            var (_, output, error) = await bundle.RunAsync();
            var lines = output.TrimEnd().Split('\n');
            Assert.True(lines[0].Length > 0, error);
            AssertMount(lines[0], top);
            if (kind == "rbind")
            {
                AssertMount(lines[1], below);
            }
            else
            {
                Assert.Single(lines);
            }
        }
        finally
        {
            RemoveTree(tree);
        }
    }

    [Fact]
    public async Task Run_TmpCopyUp_CopiesWhatItHides()
    {
        var bundle = fixture.NewBundle(
            "cat /up/a/file; readlink /up/link; stat -c '%a %u %g' /up/a/file /up/a /up; touch /up/new && echo writable; "
            + "touch /ro/x || echo ro; cat /ro/one",
            static spec => spec.Mounts!.AddRange(
            [
                new MountSpec { Destination = "/up", Type = "tmpfs", Source = "tmpfs", Options = ["tmpcopyup"] },
                new MountSpec { Destination = "/ro", Type = "tmpfs", Source = "tmpfs", Options = ["tmpcopyup", "ro"] },
            ]));
        Directory.CreateDirectory($"{bundle.Rootfs}/up/a");
        Directory.CreateDirectory($"{bundle.Rootfs}/ro");
        await File.WriteAllTextAsync($"{bundle.Rootfs}/ro/one", "one\n");
        await File.WriteAllTextAsync($"{bundle.Rootfs}/up/a/file", "content\n");
        File.CreateSymbolicLink($"{bundle.Rootfs}/up/link", "../nowhere");
        await ShellAsync($"chmod 751 {bundle.Rootfs}/up/a; chmod 6640 {bundle.Rootfs}/up/a/file; chown 7:8 {bundle.Rootfs}/up/a/file; chmod 6640 {bundle.Rootfs}/up/a/file; chmod 1777 {bundle.Rootfs}/up");
        var (_, output, error) = await bundle.RunAsync();
        Assert.Equal("content\n../nowhere\n6640 7 8\n751 0 0\n1777 0 0\nwritable\nro\none\n", output);
        Assert.Contains("Read-only", error);
        Assert.False(File.Exists($"{bundle.Rootfs}/up/new"));
    }

    [Fact]
    public async Task Run_IdMappedMounts_ShiftOwners()
    {
        List<IdMappingSpec> shift = [new() { ContainerID = 0, HostID = 5000, Size = 1000 }];
        var bundle = fixture.NewBundle(
            "stat -c '%u %g' /m/f /own/f /plain/f; touch /m/made", spec => spec.Mounts!.AddRange(
            [
                new MountSpec { Destination = "/m", Source = "data", Options = ["bind"], UidMappings = shift, GidMappings = shift },
                new MountSpec { Destination = "/own", Source = "data", Options = ["rbind", "ridmap", "ro"], UidMappings = shift, GidMappings = shift },
                new MountSpec { Destination = "/plain", Source = "data", Options = ["bind"] },
            ]));
        Directory.CreateDirectory($"{bundle.Path}/data");
        await ShellAsync($"touch {bundle.Path}/data/f; chown 7:8 {bundle.Path}/data/f; chmod 777 {bundle.Path}/data");
        var (_, output, error) = await bundle.RunAsync();
        Assert.Equal("5007 5008\n5007 5008\n7 8\n", output);
        // Root of the host has no id in the map, and so cannot make a file there.
        Assert.Contains("/m/made", error);
    }

    [Fact]
    public async Task Run_IdMapWithUserNamespace_TakesItsMap()
    {
        var bundle = fixture.NewBundle("stat -c '%u %g' /m/f /plain/f; touch /m/made", static spec =>
        {
            NamespaceTests.AddUserNamespace(spec);
            spec.Mounts!.AddRange(
            [
                new MountSpec { Destination = "/m", Source = "data", Options = ["bind", "idmap"] },
                new MountSpec { Destination = "/plain", Source = "data", Options = ["bind"] },
            ]);
        });
        Directory.CreateDirectory($"{bundle.Path}/data");
        Directory.CreateDirectory($"{bundle.Rootfs}/m");
        Directory.CreateDirectory($"{bundle.Rootfs}/plain");
        await ShellAsync($"touch {bundle.Path}/data/f; chown 7:8 {bundle.Path}/data/f; chmod 755 {bundle.Path}/data");
        var (_, output, error) = await bundle.RunAsync();
        Assert.Equal("7 8\n65534 65534\n", output);
        Assert.Equal("", error);
        Assert.Equal("0 0", (await ShellAsync($"stat -c '%u %g' {bundle.Path}/data/made")).Trim());
    }

    [Fact]
    public async Task Run_FilesLinksAndMissingTargets_AreMountedInsideTheRoot()
    {
        var bundle = fixture.NewBundle(
            "cat /etc/file /new/deep/file /through/file; readlink /copied; cat /nofollow-file; ls -d /new/dir; cat /rel",
            static spec => spec.Mounts!.AddRange(
            [
                new MountSpec { Destination = "/etc/file", Source = "one", Options = ["bind", "ro"] },
                new MountSpec { Destination = "/new/deep/file", Source = "one", Options = ["bind"] },
                new MountSpec { Destination = "/through/file", Source = "one", Options = ["bind"] },
                new MountSpec { Destination = "/copied", Source = "link", Options = ["bind", "copy-symlink"] },
                new MountSpec { Destination = "/nofollow-file", Source = "one", Options = ["bind", "dest-nofollow"] },
                new MountSpec { Destination = "/new/dir", Type = "tmpfs", Source = "tmpfs" },
                new MountSpec { Destination = "rel", Source = "./../x/../one", Options = ["bind"] },
            ]));
        await File.WriteAllTextAsync($"{bundle.Path}/one", "1\n");
        await File.WriteAllTextAsync($"{Path.GetDirectoryName(bundle.Path)}/one", "above\n");
        File.CreateSymbolicLink($"{bundle.Path}/link", "/some/target");
        File.CreateSymbolicLink($"{bundle.Rootfs}/through", "../../../../tmp");
        File.CreateSymbolicLink($"{bundle.Rootfs}/nofollow-file", "/etc/victim");
        var (code, output, error) = await bundle.RunAsync();
        Assert.True(code == 0, error);
        Assert.Equal("1\n1\n1\n/some/target\n1\n/new/dir\nabove\n", output);
        Assert.True(File.Exists($"{bundle.Rootfs}/tmp/file"));
        Assert.False(File.Exists($"{bundle.Rootfs}/etc/victim"));
    }

    [Fact]
    public async Task Run_Remount_ChangesTheMountThatIsThere()
    {
        var bundle = fixture.NewBundle("grep ' /sys ' /proc/self/mountinfo", static spec => spec.Mounts!.Add(
            new MountSpec { Destination = "/sys", Options = ["remount", "rw", "noatime"] }));
        var line = await LineAsync(bundle);
        AssertMount(line, "rw,");
        AssertMount(line, "noatime");
    }

    [Fact]
    public async Task Run_OverlayWithManyLayers_IsMounted()
    {
        // Its option is longer than what fsconfig(2) takes.
        var bundle = fixture.NewBundle("cat /o/l0 /o/l19", static _ => { });
        var layers = Enumerable.Range(0, 20).Select(number => $"{bundle.Path}/layers/a-rather-long-name-{number}").ToArray();
        for (var i = 0; i < layers.Length; i++)
        {
            Directory.CreateDirectory(layers[i]);
            await File.WriteAllTextAsync($"{layers[i]}/l{i}", $"{i}\n");
        }
        bundle.Change(spec => spec.Mounts!.Add(new MountSpec
        {
            Destination = "/o",
            Type = "overlay",
            Source = "overlay",
            Options = ["nosuid", "lowerdir=" + string.Join(':', layers)],
        }));
        var (_, output, error) = await bundle.RunAsync();
        Assert.True(output == "0\n19\n", error);
    }

    [Theory]
    [InlineData("shared", "shared:")]
    [InlineData("rshared", "shared:")]
    [InlineData("slave", "!shared:")]
    [InlineData("private", "!master:")]
    [InlineData("unbindable", "unbindable")]
    public async Task Run_RootfsPropagation_IsTheRoots(string propagation, string expected)
    {
        var bundle = fixture.NewBundle("grep ' / / ' /proc/self/mountinfo || grep ' / ' /proc/self/mountinfo | head -1", spec =>
            spec.Linux!.RootfsPropagation = propagation);
        AssertMount(await LineAsync(bundle), "fields:" + expected);
    }

    [Fact]
    public async Task Run_SharedBindWithSharedRoot_PropagatesBothWays()
    {
        var tree = NewTree();
        try
        {
            var bundle = fixture.NewBundle($"mkdir -p /b/inner && mount -t tmpfs tmpfs /b/inner && touch /b/inner/from-inside; while ! [ -e /b/go ]; do sleep 0.01; done; ls /b/outer", spec =>
            {
                spec.Linux!.RootfsPropagation = "rshared";
                spec.Mounts!.Add(new MountSpec { Destination = "/b", Source = tree, Options = ["rbind", "rshared"] });
                foreach (var set in (List<string>[])[spec.Process!.Capabilities!.Bounding!, spec.Process.Capabilities.Effective!, spec.Process.Capabilities.Permitted!])
                {
                    set.Add("CAP_SYS_ADMIN");
                }
            });
            var run = bundle.RunAsync();
            while (!File.Exists($"{tree}/inner/from-inside"))
            {
                Assert.False(run.IsCompleted, run.IsCompleted ? (await run).Error : "");
                await Task.Delay(5);
            }
            await ShellAsync($"mkdir {tree}/outer; mount -t tmpfs tmpfs {tree}/outer; touch {tree}/outer/from-outside {tree}/go");
            var (_, output, _) = await run;
            Assert.Equal("from-outside\n", output);
            Assert.DoesNotContain(bundle.Path, await File.ReadAllTextAsync("/proc/self/mountinfo"));
        }
        finally
        {
            RemoveTree(tree);
        }
    }

    [Fact]
    public async Task Run_DefaultPropagation_FollowsTheHostOnly()
    {
        var tree = NewTree();
        try
        {
            var bundle = fixture.NewBundle($"mkdir -p /b/inner && mount -t tmpfs tmpfs /b/inner && touch /b/ready; while ! [ -e /b/outer/go ]; do sleep 0.01; done", spec =>
            {
                spec.Mounts!.Add(new MountSpec { Destination = "/b", Source = tree, Options = ["rbind"] });
                foreach (var set in (List<string>[])[spec.Process!.Capabilities!.Bounding!, spec.Process.Capabilities.Effective!, spec.Process.Capabilities.Permitted!])
                {
                    set.Add("CAP_SYS_ADMIN");
                }
            });
            var run = bundle.RunAsync();
            while (!File.Exists($"{tree}/ready"))
            {
                await Task.Delay(5);
            }
            Assert.DoesNotContain($"{tree}/inner", await File.ReadAllTextAsync("/proc/self/mountinfo"));
            await ShellAsync($"mkdir {tree}/outer; mount -t tmpfs tmpfs {tree}/outer; touch {tree}/outer/go");
            Assert.Equal(0, (await run).ExitCode);
        }
        finally
        {
            RemoveTree(tree);
        }
    }

    [Fact]
    public async Task Run_CgroupMount_ShowsTheOwnGroupAndIsReadOnly()
    {
        var bundle = fixture.NewBundle(
            "grep -c . /sys/fs/cgroup/pids/cgroup.procs; cat /sys/fs/cgroup/pids/pids.max; mkdir /sys/fs/cgroup/pids/x || echo ro; "
            + "mkdir /sys/fs/cgroup/y || echo ro; mkdir /rw/pids/x && echo rw; cat /proc/self/cgroup | grep pids",
            static spec =>
            {
                spec.Linux!.Resources!.Pids = new PidsSpec { Limit = 77 };
                spec.Mounts!.Add(new MountSpec { Destination = "/rw", Type = "cgroup", Source = "cgroup", Options = ["rw", "nosuid"] });
            });
        if (Linux.Cgroups.ControlGroup.IsUnified())
        {
            bundle.Change(static spec => spec.Process!.Args[2] =
                "grep -c . /sys/fs/cgroup/cgroup.procs; cat /sys/fs/cgroup/pids.max; mkdir /sys/fs/cgroup/x || echo ro; echo ro; mkdir /rw/x && echo rw; cat /proc/self/cgroup");
        }
        var (_, output, error) = await bundle.RunAsync();
        var lines = output.TrimEnd().Split('\n');
        Assert.True(lines.Length == 6, output + error);
        Assert.Equal(["77", "ro", "ro", "rw"], lines[1..5]);
        Assert.EndsWith(":/", lines[5]);
    }

    [Fact]
    public async Task Run_TenThousandMounts_ComeUpAndLeaveNothing()
    {
        const int count = 10_000;
        var bundle = fixture.NewBundle("grep -c ' /many/' /proc/self/mountinfo", static spec =>
        {
            for (var i = 0; i < count; i++)
            {
                spec.Mounts!.Add(new MountSpec { Destination = $"/many/{i % 100}", Type = "tmpfs", Source = "tmpfs", Options = ["size=4k"] });
            }
        });
        var before = await File.ReadAllTextAsync("/proc/self/mountinfo");
        var (code, output, error) = await bundle.RunAsync();
        Assert.True(code == 0, error);
        Assert.Equal($"{count}\n", output);
        Assert.Equal(before, await File.ReadAllTextAsync("/proc/self/mountinfo"));
    }

    /// <summary>"ro," looks at the mount's options, "super:" at the file system's, "fields:" at the propagation; "!" negates.</summary>
    private static void AssertMount(string line, string expected)
    {
        var halves = line.Split(" - ");
        var fields = halves[0].Split(' ');
        var (where, what) = expected.Split(':', 2) is ["super", var super] ? (halves[1].Split(' ', 3)[2], super)
            : expected.StartsWith("fields:", StringComparison.Ordinal) ? (string.Join(' ', fields[6..]), expected[7..])
            : (fields[5] + ",", expected);
        if (what.StartsWith('!'))
        {
            Assert.DoesNotContain(what[1..], where);
        }
        else
        {
            Assert.Contains(what, where);
        }
    }

    private static async Task<string> LineAsync(TestBundle bundle)
    {
        var (code, output, error) = await bundle.RunAsync();
        Assert.True(code == 0, error);
        return output.Split('\n')[0];
    }

    /// <summary>A shared tmpfs of the host with another one in it.</summary>
    private string NewTree()
    {
        var tree = Directory.CreateDirectory($"{fixture.Directory}/tree-{Guid.NewGuid():N}").FullName;
        Shell($"mount -t tmpfs tmpfs {tree} && mount --make-shared {tree} && mkdir {tree}/sub && mount -t tmpfs tmpfs {tree}/sub && mount --make-private {tree}/sub");
        return tree;
    }

    private async Task<string> ShellAsync(string command)
    {
        var (code, output, error) = await fixture.RunShellAsync(command);
        Assert.True(code == 0, error);
        return output;
    }

    private static void RemoveTree(string tree) => Shell($"umount -R {tree}");

    private static void Shell(string command)
    {
        using var process = System.Diagnostics.Process.Start("/bin/sh", ["-c", command]);
        process.WaitForExit();
        Assert.Equal(0, process.ExitCode);
    }
}
