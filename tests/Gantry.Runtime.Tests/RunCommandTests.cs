using System.Text.Json;
using System.Text.Json.Nodes;
using Gantry.Linux.Cgroups;
using Gantry.Oci.Runtime;

namespace Gantry.Runtime.Tests;

public sealed class RunCommandTests(RuntimeFixture fixture) : IClassFixture<RuntimeFixture>
{
    [Theory]
    [InlineData("exit 0", 0)]
    [InlineData("exit 7", 7)]
    [InlineData("kill -9 $$", 137)]
    [InlineData("kill -15 $$", 143)]
    public async Task Run_Program_ReturnsItsExitCode(string command, int expected)
    {
        // A shell that is process 1 of its namespace ignores its own signals, so it signals a child.
        var wrapped = command.StartsWith("kill", StringComparison.Ordinal) ? $"sh -c '{command}'; exit $?" : command;
        var (code, _, error) = await fixture.NewBundle(wrapped).RunAsync();
        Assert.Equal(expected, code);
        Assert.DoesNotContain("gantry-runtime", error);
    }

    /// <summary>A second thread could hold a lock while the first is cloned (docs/adr/0001).</summary>
    [Fact]
    public async Task Run_Foreground_HasOneThread()
    {
        var bundle = fixture.NewBundle("echo it runs; exec sleep 100");
        var runtime = $"{fixture.RuntimePath} --root {fixture.Root}";
        var (_, output, _) = await fixture.RunShellAsync(
            $"""
            {runtime} run -b {bundle.Path} {bundle.Id} </dev/null >{bundle.Path}/out 2>&1 & run=$!
            until grep -q runs {bundle.Path}/out; do kill -0 $run && sleep 0.01 || exit 1; done
            grep Threads: /proc/$run/status; {runtime} kill {bundle.Id} KILL; wait $run
            """);
        Assert.Equal("Threads:\t1\n", output);
    }

    [Fact]
    public async Task Run_DefaultSpec_IsolatesAndProtects()
    {
        var bundle = fixture.NewBundle(
            """
            echo pid $$; cat /proc/sys/kernel/hostname; id -u; ls /proc/self/fd | wc -l
            cat /proc/keys 2>&1 | wc -c; ls /sys/firmware | wc -l
            echo x > /proc/sys/kernel/hostname || echo refused
            grep CapEff /proc/self/status; grep NoNewPrivs /proc/self/status; grep -c SigIgn:.0000000000000000 /proc/self/status
            touch /made && echo writable; grep Seccomp: /proc/self/status
            """);
        var (code, output, _) = await bundle.RunAsync();
        Assert.Equal(0, code);
        string[] expected =
        [
            "pid 1", "gantry", "0", "4", "0", "0", "refused", "CapEff:\t00000000a80425fb", "NoNewPrivs:\t1", "1", "writable",
            "Seccomp:\t0",
        ];
        Assert.Equal(expected, output.TrimEnd().Split('\n'));
    }

    [Fact]
    public async Task Run_UserGroupsUmaskCwdLimits_AreApplied()
    {
        var bundle = fixture.NewBundle("id -u; id -g; id -G; pwd; umask; ulimit -n; echo $X", static spec =>
        {
            spec.Process!.User = new UserSpec { Uid = 1000, Gid = 1001, AdditionalGids = [5, 6], Umask = 0x3f };
            spec.Process.Cwd = "/tmp/new";
            spec.Process.Env!.Add("X=value with spaces");
            spec.Process.Rlimits = [new RlimitSpec { Type = "RLIMIT_NOFILE", Soft = 512, Hard = 999_999_999 }];
        });
        var (_, output, error) = await bundle.RunAsync();
        Assert.Equal("1000\n1001\n1001 5 6\n/tmp/new\n0077\n512\nvalue with spaces\n", output);
        Assert.Equal("", error);
    }

    [Fact]
    public async Task Run_ReadonlyRootAndBindMounts_HoldTheirOptions()
    {
        var bundle = fixture.NewBundle(
            "touch /x || echo root-ro; touch /rw/a && echo rw-ok; touch /ro/b || echo ro-ok; cat /etc/one; ls /shared");
        Directory.CreateDirectory($"{bundle.Path}/data");
        await File.WriteAllTextAsync($"{bundle.Path}/one", "one\n");
        await ChangeAsync(bundle, spec =>
        {
            spec.Root!.Readonly = true;
            Directory.CreateDirectory($"{bundle.Rootfs}/rw");
            Directory.CreateDirectory($"{bundle.Rootfs}/ro");
            Directory.CreateDirectory($"{bundle.Rootfs}/shared");
            spec.Mounts!.AddRange(
            [
                new MountSpec { Destination = "/rw", Type = "bind", Source = "data", Options = ["rbind", "rw"] },
                new MountSpec { Destination = "/ro", Source = $"{bundle.Path}/data", Options = ["bind", "ro"] },
                new MountSpec { Destination = "/etc/one", Source = $"{bundle.Path}/one", Options = ["bind", "rprivate"] },
                new MountSpec { Destination = "/shared", Type = "tmpfs", Source = "tmpfs", Options = ["size=1m", "nosuid"] },
            ]);
        });
        var (_, output, _) = await bundle.RunAsync();
        Assert.Equal("root-ro\nrw-ok\nro-ok\none\n", output);
        Assert.True(File.Exists($"{bundle.Path}/data/a"));
    }

    [Fact]
    public async Task Run_MountThroughSymlink_StaysInTheRoot()
    {
        var victim = Directory.CreateDirectory($"{fixture.Directory}/victim").FullName;
        var bundle = fixture.NewBundle("ls -a /evil /evil2 2>&1 | grep -c marker", static spec => spec.Mounts!.AddRange(
        [
            new MountSpec { Destination = "/evil/sub", Type = "tmpfs", Source = "tmpfs" },
            new MountSpec { Destination = "/evil2", Type = "tmpfs", Source = "tmpfs" },
        ]));
        // Links that lead to the host when followed without the container's root.
        File.CreateSymbolicLink($"{bundle.Rootfs}/evil", $"../../../../../../../..{victim}");
        File.CreateSymbolicLink($"{bundle.Rootfs}/evil2", "/proc/self/root" + victim);
        await File.WriteAllTextAsync($"{victim}/marker", "");
        var before = await File.ReadAllTextAsync("/proc/self/mountinfo");
        var (_, output, _) = await bundle.RunAsync();
        Assert.Equal("0", output.Trim() == "" ? "0" : output.Trim());
        Assert.False(Directory.Exists($"{victim}/sub"));
        Assert.DoesNotContain(victim, await File.ReadAllTextAsync("/proc/self/mountinfo"));
        Assert.DoesNotContain(victim, before);
    }

    [Fact]
    public async Task Run_ProcIsASymlink_IsRefused()
    {
        var bundle = fixture.NewBundle("true");
        Directory.Delete($"{bundle.Rootfs}/proc");
        Directory.CreateDirectory($"{bundle.Rootfs}/tmp/fake");
        File.CreateSymbolicLink($"{bundle.Rootfs}/proc", "/tmp/fake");
        var (code, _, error) = await bundle.RunAsync();
        Assert.Equal(1, code);
        Assert.Contains("mount /proc", error);
    }

    [Fact]
    public async Task Run_OwnProgramThroughProc_CannotBeWritten()
    {
        var before = await File.ReadAllBytesAsync(fixture.RuntimePath);
        var bundle = fixture.NewBundle("", static spec => spec.Process!.Args = ["/script"]);
        // CVE-2019-5736: the interpreter is the runtime itself, which then runs in the container and could be overwritten.
        await File.WriteAllTextAsync($"{bundle.Rootfs}/script", "#!/proc/self/exe\n");
        File.SetUnixFileMode($"{bundle.Rootfs}/script", (UnixFileMode)0x1ED);
        await bundle.RunAsync();
        var writer = fixture.NewBundle("for p in /proc/[0-9]*/exe; do echo x >> $p; done; true");
        await writer.RunAsync();
        Assert.Equal(before, await File.ReadAllBytesAsync(fixture.RuntimePath));
    }

    [Fact]
    public async Task Run_WorkingDirectoryOnTheHost_IsRefused()
    {
        // CVE-2024-21626: a descriptor of the runtime as working directory.
        for (var number = 3; number < 12; number++)
        {
            var bundle = fixture.NewBundle("cat /etc/hostname; pwd", spec => spec.Process!.Cwd = $"/proc/self/fd/{number}");
            var (code, output, _) = await bundle.RunAsync();
            Assert.True(code != 0 || output.StartsWith('/'), output);
            Assert.DoesNotContain("..", output);
        }
    }

    [Fact]
    public async Task Run_PidsLimit_StopsForks()
    {
        var bundle = fixture.NewBundle(
            "i=0; while [ $i -lt 20 ]; do sleep 5 & i=$((i+1)); done; wait",
            static spec => spec.Linux!.Resources!.Pids = new PidsSpec { Limit = 8 });
        var (code, _, error) = await bundle.RunAsync();
        Assert.NotEqual(0, code);
        Assert.Contains("fork", error);
    }

    [Fact]
    public async Task Run_SeccompProfile_RefusesTheCall()
    {
        var bundle = fixture.NewBundle("mkdir /tmp/x 2>&1; grep Seccomp: /proc/self/status", static spec =>
        {
            spec.Process!.NoNewPrivileges = false;
            spec.Linux!.Seccomp = new SeccompSpec
            {
                DefaultAction = "SCMP_ACT_ALLOW",
                Architectures = ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"],
                Syscalls = [new SeccompSyscallSpec { Names = ["mkdir", "mkdirat", "no_such_call"], Action = "SCMP_ACT_ERRNO", ErrnoRet = 28 }],
            };
        });
        for (var time = 0; time < 2; time++)
        {
            // The second time from the cache.
            var (_, output, _) = await bundle.RunAsync();
            Assert.Contains("No space left on device", output);
            Assert.Contains("Seccomp:\t2", output);
        }
    }

    [Theory]
    [InlineData("{\"ociVersion\":\"1.2.0\",\"root\":{\"path\":\"rootfs\"},\"process\":{", "malformed")]
    [InlineData("", "malformed")]
    [InlineData("[]", "expected an object, found an array")]
    [InlineData("{\"ociVersion\":\"1.2.0\",\"root\":{\"path\":7}}", "$.root.path (line 1): expected a string, found 7")]
    [InlineData("{\"ociVersion\":\"1.2.0\",\"root\":{\"path\":\"rootfs\"},\"process\":{\"args\":\"sh\"}}", "$.process.args")]
    [InlineData("{\"ociVersion\":\"1.2.0\",\"root\":{\"path\":\"rootfs\"},\"process\":{\"args\":[\"sh\"],\"cwd\":\"x\"}}", "process.cwd")]
    [InlineData("{\"ociVersion\":\"1.2.0\",\"root\":{\"path\":\"rootfs\"},\"linux\":{\"namespaces\":[{\"type\":\"net\"}]}}", "linux.namespaces[0].type")]
    [InlineData("{\"ociVersion\":\"1.2.0\",\"root\":{\"path\":\"missing\"},\"process\":{\"args\":[\"sh\"],\"cwd\":\"/\"},\"linux\":{\"namespaces\":[{\"type\":\"mount\"}]}}", "missing")]
    public async Task Create_BadConfiguration_SaysWhatAndLeavesNothing(string json, string expected)
    {
        var bundle = fixture.NewBundle("true");
        await File.WriteAllTextAsync($"{bundle.Path}/config.json", json);
        var (code, _, error) = await fixture.RunAsync("create", "-b", bundle.Path, bundle.Id);
        Assert.Equal(1, code);
        Assert.Contains(expected, error);
        Assert.False(Directory.Exists($"{fixture.Root}/{bundle.Id}"));
        Assert.False(Directory.Exists($"/sys/fs/cgroup/memory/{bundle.Id}"));
    }

    [Fact]
    public async Task Create_StartExecKillDelete_GoThroughTheStates()
    {
        var bundle = fixture.NewBundle("trap 'exit 9' TERM; while true; do sleep 0.01; done");
        // The container inherits the caller's streams, so they must not be this test's pipes.
        await ShellAsync($"{fixture.RuntimePath} --root {fixture.Root} create -b {bundle.Path} --pid-file {bundle.Path}/pid {bundle.Id}");
        Assert.Equal("created", await StatusAsync(bundle));
        Assert.Equal(1, (await fixture.RunAsync("create", "-b", bundle.Path, bundle.Id)).ExitCode);
        Assert.Equal(0, (await fixture.RunAsync("start", bundle.Id)).ExitCode);
        Assert.Equal("running", await StatusAsync(bundle));
        Assert.Contains("is not in the state created", (await fixture.RunAsync("start", bundle.Id)).Error);
        var (code, output, _) = await fixture.RunAsync("exec", "--user", "12:34", "--env", "A=b", bundle.Id, "sh", "-c", "id -u; id -g; echo $A; exit 4");
        Assert.Equal((4, "12\n34\nb\n"), (code, output));
        Assert.Contains((await File.ReadAllTextAsync($"{bundle.Path}/pid")).Trim(), (await fixture.RunAsync("ps", "-f", "json", bundle.Id)).Output);
        Assert.Equal(0, (await fixture.RunAsync("pause", bundle.Id)).ExitCode);
        Assert.Equal("paused", await StatusAsync(bundle));
        Assert.Equal(0, (await fixture.RunAsync("resume", bundle.Id)).ExitCode);
        Assert.Contains("stop it first", (await fixture.RunAsync("delete", bundle.Id)).Error);
        Assert.Equal(0, (await fixture.RunAsync("kill", bundle.Id, "SIGTERM")).ExitCode);
        while (await StatusAsync(bundle) != "stopped")
        {
            await Task.Delay(10);
        }
        Assert.Equal(0, (await fixture.RunAsync("delete", bundle.Id)).ExitCode);
        Assert.Equal(1, (await fixture.RunAsync("state", bundle.Id)).ExitCode);
        Assert.Equal(0, (await fixture.RunAsync("delete", "--force", bundle.Id)).ExitCode);
    }

    [Fact]
    public async Task Run_JoinedNamespaces_AreThoseOfTheOtherContainer()
    {
        var sandbox = fixture.NewBundle("sleep 1000");
        await ShellAsync($"{fixture.RuntimePath} --root {fixture.Root} run -d -b {sandbox.Path} --pid-file {sandbox.Path}/pid {sandbox.Id}");
        var pid = (await File.ReadAllTextAsync($"{sandbox.Path}/pid")).Trim();
        var bundle = fixture.NewBundle("for n in net ipc uts; do readlink /proc/self/ns/$n; done; ps | grep -c sleep", spec =>
        {
            spec.Hostname = null;
            spec.Linux!.CgroupsPath = $"/gantry-test/{sandbox.Id}-b/burstable/pod1/c1";
            spec.Linux.Namespaces =
            [
                new() { Type = "mount" }, new() { Type = "cgroup" },
                new() { Type = "pid", Path = $"/proc/{pid}/ns/pid" }, new() { Type = "network", Path = $"/proc/{pid}/ns/net" },
                new() { Type = "ipc", Path = $"/proc/{pid}/ns/ipc" }, new() { Type = "uts", Path = $"/proc/{pid}/ns/uts" },
            ];
        });
        var (code, output, error) = await bundle.RunAsync();
        Assert.True(code == 0, error);
        var lines = output.TrimEnd().Split('\n');
        string[] expected = [.. new[] { "net", "ipc", "uts" }.Select(name => new FileInfo($"/proc/{pid}/ns/{name}").LinkTarget!)];
        Assert.Equal(expected, lines[..3]);
        Assert.NotEqual("0", lines[3]);
        await fixture.RunAsync("delete", "--force", sandbox.Id);
        ControlGroup.Open($"/gantry-test/{sandbox.Id}-b").Remove();
    }

    [Fact]
    public async Task Hooks_EachPoint_GetsTheState()
    {
        var bundle = fixture.NewBundle("echo main");
        await ChangeAsync(bundle, spec => spec.Hooks = new HooksSpec
        {
            Prestart = [Hook(bundle, "prestart")],
            CreateRuntime = [Hook(bundle, "createRuntime")],
            CreateContainer = [Hook(bundle, "createContainer")],
            Poststart = [Hook(bundle, "poststart")],
            Poststop = [Hook(bundle, "poststop")],
        });
        Assert.Equal(0, (await bundle.RunAsync()).ExitCode);
        var lines = await File.ReadAllLinesAsync($"{bundle.Path}/hooks");
        Assert.Equal(["prestart", "createRuntime", "createContainer", "poststart", "poststop"], lines.Select(line => line.Split(' ')[0]));
        Assert.All(lines, line => Assert.Equal(bundle.Id, (string?)JsonNode.Parse(line[(line.IndexOf(' ') + 1)..])!["id"]));
    }

    [Fact]
    public async Task Create_HookFails_LeavesNothing()
    {
        var bundle = fixture.NewBundle("echo main", static spec =>
            spec.Hooks = new HooksSpec { CreateRuntime = [new HookSpec { Path = "/bin/false", Args = ["false"] }] });
        var (code, output, error) = await bundle.RunAsync();
        Assert.Equal((1, ""), (code, output));
        Assert.Contains("createRuntime hook /bin/false: exit code 1", error);
        Assert.False(Directory.Exists($"{fixture.Root}/{bundle.Id}"));
    }

    private static HookSpec Hook(TestBundle bundle, string name) => new()
    {
        Path = "/bin/sh",
        Args = ["sh", "-c", $"echo {name} $(cat) >> {bundle.Path}/hooks"],
        Env = ["PATH=/usr/bin:/bin"],
        Timeout = 30,
    };

    private static async Task ChangeAsync(TestBundle bundle, Action<RuntimeSpec> change)
    {
        var spec = RuntimeSpecJson.ReadSpec(await File.ReadAllBytesAsync($"{bundle.Path}/config.json"));
        change(spec);
        await File.WriteAllBytesAsync($"{bundle.Path}/config.json", RuntimeSpecJson.Write(spec));
    }

    private static async Task ShellAsync(string command)
    {
        using var process = System.Diagnostics.Process.Start("/bin/sh", ["-c", command + " </dev/null >/dev/null 2>&1"]);
        await process.WaitForExitAsync(TestBundle.Timeout());
        Assert.Equal(0, process.ExitCode);
    }

    private async Task<string> StatusAsync(TestBundle bundle)
    {
        var (_, output, _) = await fixture.RunAsync("state", bundle.Id);
        using var document = JsonDocument.Parse(output);
        return document.RootElement.GetProperty("status").GetString()!;
    }
}
