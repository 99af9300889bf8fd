using Gantry.Oci.Runtime;

namespace Gantry.Runtime.Tests;

/// <summary>
/// The runtime as an ordinary user calls it, without any rights: nobody, with subordinate ids that are given in a mount
/// namespace of the test's.
/// </summary>
public sealed class RootlessTests(RuntimeFixture fixture) : IClassFixture<RuntimeFixture>
{
    private const int User = 65534;
    private const int FirstSubordinate = 300_000;

    [Fact]
    public async Task Run_OwnIdAlone_NeedsNoOtherProgram()
    {
        var bundle = NewBundle("id -u; id -g; cat /proc/self/setgroups; cat /proc/self/uid_map | tr -s ' '; echo x > /dev/null && echo null; touch /made; ls /sys/class/net");
        var (code, output, error) = await RunAsync(bundle);
        Assert.True(code == 0, error);
        Assert.Equal($"0\n0\ndeny\n 0 {User} 1\nnull\nlo\n", output);
        Assert.True(File.Exists($"{bundle.Rootfs}/made"));
    }

    [Fact]
    public async Task Run_SubordinateIds_AreMappedByNewuidmap()
    {
        var bundle = NewBundle("id -u; id -G; cat /proc/self/uid_map /proc/self/gid_map | tr -s ' '; stat -c %u:%g /mine", static spec =>
        {
            MapSubordinates(spec);
            spec.Process!.User = new UserSpec { Uid = 5, Gid = 6, AdditionalGids = [7] };
        });
        await fixture.RunShellAsync($"touch {bundle.Rootfs}/mine; chown {FirstSubordinate + 4}:{FirstSubordinate + 5} {bundle.Rootfs}/mine");
        var (code, output, error) = await RunAsync(bundle);
        Assert.True(code == 0, error);
        Assert.Equal($"5\n6 7\n 0 {User} 1\n 1 {FirstSubordinate} 65535\n 0 {User} 1\n 1 {FirstSubordinate} 65535\n5:6\n", output);
    }

    [Fact]
    public async Task Run_OthersIds_AreRefusedWithTheReason()
    {
        var bundle = NewBundle("true", static spec =>
        {
            MapSubordinates(spec);
            spec.Linux!.UidMappings![1].HostID = 1000;
        });
        var (code, _, error) = await RunAsync(bundle);
        Assert.Equal(1, code);
        Assert.Contains("newuidmap", error);
        Assert.Contains("the host ids must be the user's in /etc/subuid", error);
        Assert.Empty(Directory.GetDirectories($"{bundle.Path}/root"));
    }

    [Fact]
    public async Task Run_AllOfItself_WorksWithoutRights()
    {
        var bundle = NewBundle(
            "cat /data/file; touch /data/x || echo ro; grep -c . /proc/keys; cat /proc/sys/kernel/hostname; stat -c %a /tmp/t; cat /proc/self/timens_offsets | tr -s ' '; mkdir /tmp/y 2>&1; readlink /dev/fd",
            static spec =>
            {
                MapSubordinates(spec);
                spec.Mounts!.Add(new MountSpec { Destination = "/data", Type = "bind", Source = "data", Options = ["rbind", "ro", "nosuid"] });
                spec.Mounts.Add(new MountSpec { Destination = "/tmp/t", Type = "tmpfs", Source = "tmpfs", Options = ["mode=700"] });
                spec.Linux!.Namespaces!.Add(new NamespaceSpec { Type = "time" });
                spec.Linux.TimeOffsets = new() { ["monotonic"] = new TimeOffsetSpec { Secs = 5 } };
                spec.Linux.Seccomp = new SeccompSpec
                {
                    DefaultAction = "SCMP_ACT_ALLOW",
                    Syscalls = [new SeccompSyscallSpec { Names = ["mkdir", "mkdirat"], Action = "SCMP_ACT_ERRNO", ErrnoRet = 28 }],
                };
                spec.Process!.NoNewPrivileges = false;
                spec.Process.OomScoreAdj = 500;
                spec.Linux.Sysctl = new() { ["net.ipv4.ip_forward"] = "1" };
            });
        Directory.CreateDirectory($"{bundle.Path}/data");
        await File.WriteAllTextAsync($"{bundle.Path}/data/file", "data\n");
        var (code, output, error) = await RunAsync(bundle);
        Assert.True(code == 0, output + error);
        Assert.Equal("data\nro\n0\ngantry\n700\nmonotonic 5 0\nboottime 0 0\nmkdir: can't create directory '/tmp/y': No space left on device\n/proc/self/fd\n", output);
    }

    [Fact]
    public async Task Run_HostsNetworkAndProcesses_BindWhatItMayNotMount()
    {
        var bundle = NewBundle("readlink /proc/self/ns/net; ls -d /sys/class/net/lo; ls /proc/1/status", static spec =>
        {
            MapSubordinates(spec);
            spec.Linux!.Namespaces!.RemoveAll(static item => item.Type is "network" or "pid");
        });
        var (code, output, error) = await RunAsync(bundle);
        Assert.True(code == 0, error);
        Assert.Equal($"{new FileInfo("/proc/self/ns/net").LinkTarget}\n/sys/class/net/lo\n/proc/1/status\n", output);
    }

    [Fact]
    public async Task Run_LimitsWithoutRights_AreRefused()
    {
        var bundle = NewBundle("true", static spec => spec.Linux!.Resources = new ResourcesSpec { Pids = new PidsSpec { Limit = 10 } });
        var (code, _, error) = await RunAsync(bundle);
        Assert.Equal(1, code);
        Assert.Contains("permission denied (EACCES)", error);
        Assert.Contains("cgroup", error);
    }

    [Fact]
    public async Task Exec_InARootlessContainer_JoinsItAll()
    {
        var bundle = NewBundle("sleep 1000", MapSubordinates);
        var (code, _, error) = await AsUserAsync(bundle, $"run --detach -b {bundle.Path} {bundle.Id} </dev/null >{bundle.Path}/out 2>&1; r=$?; cat {bundle.Path}/out; exit $r");
        Assert.True(code == 0, error);
        try
        {
            (code, var output, error) = await AsUserAsync(bundle, $"exec --user 3:4 {bundle.Id} sh -c 'id -u; id -g; cat /proc/self/uid_map | tr -s \" \"; echo $$'");
            Assert.True(code == 0, error);
            Assert.StartsWith($"3\n4\n 0 {User} 1\n 1 {FirstSubordinate} 65535\n", output);
        }
        finally
        {
            Assert.Equal(0, (await AsUserAsync(bundle, $"delete --force {bundle.Id}")).ExitCode);
        }
        Assert.Empty(Directory.GetDirectories($"{bundle.Path}/root"));
    }

    [Fact]
    public async Task Run_RootOfAUserNamespace_IsRootEnough()
    {
        // As podman calls it for an ordinary user: the namespace is there already, and the configuration names none.
        var bundle = NewBundle("id -u; echo x > /dev/null && echo null; cat /proc/self/uid_map | tr -s ' '; test -c /dev/pts/ptmx && echo pts", static spec =>
        {
            spec.Linux!.Namespaces!.RemoveAll(static item => item.Type == "user");
            spec.Linux.UidMappings = null;
            spec.Linux.GidMappings = null;
        });
        var (code, output, error) = await fixture.RunProcessAsync(new(
            "setpriv",
            [
                "--reuid", $"{User}", "--regid", $"{User}", "--clear-groups", "unshare", "-U", "-r",
                $"{bundle.Path}/gantry-runtime", "--root", $"{bundle.Path}/root", "run", "-b", bundle.Path, bundle.Id,
            ]));
        Assert.True(code == 0, error);
        Assert.Equal($"0\nnull\n 0 {User} 1\npts\n", output);
    }

    private static void MapSubordinates(RuntimeSpec spec)
    {
        List<IdMappingSpec> Map() =>
        [
            new() { ContainerID = 0, HostID = User, Size = 1 }, new() { ContainerID = 1, HostID = FirstSubordinate, Size = 65535 },
        ];
        spec.Linux!.UidMappings = Map();
        spec.Linux.GidMappings = Map();
    }

    private TestBundle NewBundle(string command, Action<RuntimeSpec>? change = null)
    {
        var bundle = fixture.NewBundle(command, spec =>
        {
            spec.Linux!.Namespaces!.Add(new NamespaceSpec { Type = "user" });
            spec.Linux.UidMappings = [new() { ContainerID = 0, HostID = User, Size = 1 }];
            spec.Linux.GidMappings = [new() { ContainerID = 0, HostID = User, Size = 1 }];
            spec.Linux.Resources = null;
            spec.Linux.CgroupsPath = null;
            change?.Invoke(spec);
        });
        bundle.GiveTo(User);
        Directory.CreateDirectory($"{bundle.Path}/root");
        File.Copy(fixture.RuntimePath, $"{bundle.Path}/gantry-runtime");
        File.WriteAllText($"{bundle.Path}/subids", $"nobody:{FirstSubordinate}:65536\n");
        using var process = System.Diagnostics.Process.Start("chown", [$"{User}:{User}", bundle.Path, $"{bundle.Path}/root"]);
        process.WaitForExit();
        return bundle;
    }

    private Task<(int ExitCode, string Output, string Error)> RunAsync(TestBundle bundle) =>
        AsUserAsync(bundle, $"run -b {bundle.Path} {bundle.Id}");

    /// <summary>Without the host's capabilities and groups, and with subordinate ids that only this command sees.</summary>
    private Task<(int ExitCode, string Output, string Error)> AsUserAsync(TestBundle bundle, string arguments) => fixture.RunProcessAsync(new(
        "unshare",
        [
            "-m", "sh", "-c",
            $"touch /etc/subuid /etc/subgid; mount --bind {bundle.Path}/subids /etc/subuid && mount --bind {bundle.Path}/subids /etc/subgid && "
            + $"exec setpriv --reuid {User} --regid {User} --clear-groups sh -c \"$0\"",
            $"umask 022; {(arguments.Contains(';') ? "" : "exec ")}{bundle.Path}/gantry-runtime --root {bundle.Path}/root {arguments}",
        ]));
}
