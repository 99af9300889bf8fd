using Gantry.Linux;
using Gantry.Linux.Native;
using Gantry.Oci.Runtime;
using Gantry.Runtime.Tests.Attacks;

namespace Gantry.Runtime.Tests;

/// <summary>The fields of config.json's "process", by what the program finds.</summary>
public sealed class ProcessTests(RuntimeFixture fixture) : IClassFixture<RuntimeFixture>
{
    /// <summary>Policy and nice value, fields 41 and 19, without a further process, which some policies refuse.</summary>
    private const string ReadPolicy = "read -r line < /proc/self/stat; set -- $line; shift 18; nice=$1; shift 22; echo $1 $nice";

    /// <summary>The nice value of the tests, which is that of programs whose policy has none.</summary>
    private static string OwnNice() => File.ReadAllText("/proc/self/stat").Split(") ")[^1].Split(' ')[16];

    [Theory]
    [InlineData("SCHED_OTHER", 5, 0, "0 5")]
    [InlineData("SCHED_BATCH", 7, 0, "3 7")]
    [InlineData("SCHED_IDLE", 0, 0, "5 own")]
    [InlineData("SCHED_FIFO", 0, 10, "1 own")]
    [InlineData("SCHED_RR", 0, 20, "2 own")]
    public async Task Run_Scheduler_IsTheProgrammes(string policy, int nice, int priority, string expected)
    {
        var bundle = fixture.NewBundle(ReadPolicy, spec =>
        {
            spec.Process!.Scheduler = new SchedulerSpec { Policy = policy, Nice = nice, Priority = priority, Flags = ["SCHED_FLAG_RESET_ON_FORK"] };
            // A realtime policy takes a group without a share of processor time of its own (sched(7)).
            spec.Linux!.Resources = null;
        });
        var (code, output, error) = await bundle.RunAsync();
        if (policy is "SCHED_FIFO" or "SCHED_RR" && error.Contains("sched_setattr", StringComparison.Ordinal))
        {
            // A kernel with realtime group scheduling gives a new cpu group no realtime share.
            Assert.Contains($"sched_setattr process.scheduler {policy}: operation not permitted (EPERM)", error);
            Assert.True(File.Exists("/sys/fs/cgroup/cpu/cpu.rt_runtime_us"), error);
            return;
        }
        Assert.Equal((0, expected.Replace("own", OwnNice(), StringComparison.Ordinal) + "\n"), (code, output));
    }

    [Fact]
    public async Task Run_DeadlineScheduler_IsTheProgrammes()
    {
        var bundle = fixture.NewBundle(ReadPolicy, static spec => spec.Process!.Scheduler = new SchedulerSpec
        {
            Policy = "SCHED_DEADLINE",
            Runtime = 10_000_000,
            Deadline = 50_000_000,
            Period = 100_000_000,
        });
        var (code, output, error) = await bundle.RunAsync();
        Assert.True(code == 0 && output == $"6 {OwnNice()}\n", output + error);
    }

    [Fact]
    public async Task Run_IoPriorityAndPersonality_AreTheProgrammes()
    {
        var bundle = fixture.NewBundle("ionice -p $$; uname -m", static spec =>
        {
            spec.Process!.IoPriority = new IoPrioritySpec { Class = "IOPRIO_CLASS_BE", Priority = 6 };
            spec.Linux!.Personality = new PersonalitySpec { Domain = "LINUX32" };
        });
        var (_, output, error) = await bundle.RunAsync();
        Assert.True(output == "best-effort: prio 6\ni686\n", output + error);
    }

    [Fact]
    public async Task Exec_CpuAffinity_IsTheFinalOne()
    {
        var bundle = fixture.NewBundle("sleep 1000");
        await bundle.StartAsync();
        var process = DefaultSpec.Create().Process!;
        process.Args = ["grep", "Cpus_allowed_list", "/proc/self/status"];
        process.ExecCPUAffinity = new CpuAffinitySpec { Initial = "0", Final = "1" };
        await File.WriteAllBytesAsync($"{bundle.Path}/process.json", RuntimeSpecJson.Write(process));
        var (_, output, error) = await fixture.RunAsync("exec", "--process", $"{bundle.Path}/process.json", bundle.Id);
        Assert.Equal(("Cpus_allowed_list:\t1\n", ""), (output, error));
        process.ExecCPUAffinity = new CpuAffinitySpec { Final = "1000" };
        await File.WriteAllBytesAsync($"{bundle.Path}/process.json", RuntimeSpecJson.Write(process));
        (var code, _, error) = await fixture.RunAsync("exec", "--process", $"{bundle.Path}/process.json", bundle.Id);
        Assert.NotEqual(0, code);
        Assert.Contains("sched_setaffinity process.execCPUAffinity 1000: invalid argument (EINVAL)", error);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1000)]
    public async Task Run_FiveCapabilitySets_AreExact(int user)
    {
        var bundle = fixture.NewBundle("grep -E '^Cap' /proc/self/status | tr -s '\\t' ' '", spec =>
        {
            spec.Process!.User.Uid = (uint)user;
            spec.Process.NoNewPrivileges = false;
            spec.Process.Capabilities = new CapabilitiesSpec
            {
                Bounding = ["CAP_CHOWN", "CAP_KILL", "CAP_NET_RAW", "CAP_SYS_RESOURCE_X"],
                Permitted = ["CAP_CHOWN", "CAP_KILL"],
                Effective = ["CAP_CHOWN"],
                Inheritable = ["CAP_KILL", "CAP_CHOWN"],
                Ambient = ["CAP_KILL"],
            };
        });
        var (_, output, error) = await bundle.RunAsync();
        // execve gives a root user what is inheritable or in the bounding set, another user what is ambient (capabilities(7)).
        var granted = user == 0 ? 0x2021 : 0x20;
        string[] expected =
        [
            "CapInh: 0000000000000021", $"CapPrm: {granted:x16}", $"CapEff: {granted:x16}", "CapBnd: 0000000000002021",
            "CapAmb: 0000000000000020",
        ];
        Assert.Equal(expected, output.TrimEnd().Split('\n'));
        Assert.Contains("process.capabilities: CAP_SYS_RESOURCE_X: left out", error);
    }

    [Fact]
    public async Task Run_NoCapabilities_HasNone()
    {
        var bundle = fixture.NewBundle("grep -E '^Cap' /proc/self/status | grep -vc 0000000000000000", static spec => spec.Process!.Capabilities = null);
        Assert.Equal("0\n", (await bundle.RunAsync()).Output);
    }

    [Fact]
    public async Task Run_OomScoreUmaskHomeAndGroups_AreSet()
    {
        var bundle = fixture.NewBundle("cat /proc/self/oom_score_adj; umask; echo $HOME; id -G", static spec =>
        {
            spec.Process!.OomScoreAdj = 321;
            spec.Process.User = new UserSpec { Uid = 77, Gid = 78, Umask = 0x1d, AdditionalGids = [9, 10] };
        });
        await File.WriteAllTextAsync($"{bundle.Rootfs}/etc/passwd", "root:x:0:0::/root:/bin/sh\nu:x:77:78::/home/u:/bin/sh\n");
        var (_, output, error) = await bundle.RunAsync();
        Assert.Equal(("321\n0035\n/home/u\n78 9 10\n", ""), (output, error));
        bundle.Change(static spec => spec.Process!.Env!.Add("HOME="));
        Assert.Contains("/home/u\n", (await bundle.RunAsync()).Output);
        bundle.Change(static spec => spec.Process!.Env!.Add("HOME=/given"));
        Assert.Contains("/given\n", (await bundle.RunAsync()).Output);
    }

    [Fact]
    public async Task Run_DirectoryOfTheUserAlone_IsEntered()
    {
        var bundle = fixture.NewBundle("pwd; id -u", static spec =>
        {
            NamespaceTests.AddUserNamespace(spec);
            spec.Process!.User.Uid = 5;
            spec.Process.User.Gid = 5;
            spec.Process.Capabilities = null;
            spec.Process.Cwd = "/private";
        });
        // Root of the container has no rights on an owner that is not in its map, the user has by the "others" bits alone.
        Directory.CreateDirectory($"{bundle.Rootfs}/private");
        await fixture.RunShellAsync($"chown 100005:200005 {bundle.Rootfs}/private; chmod 700 {bundle.Rootfs}/private");
        var (_, output, error) = await bundle.RunAsync();
        Assert.True(output == "/private\n5\n", output + error);
    }

    [Fact]
    public async Task Run_TerminalWithSize_HasItAndAConsole()
    {
        var bundle = fixture.NewBundle("stty size; tty; test -c /dev/console && echo console", static spec =>
        {
            spec.Process!.Terminal = true;
            spec.Process.ConsoleSize = new ConsoleSizeSpec { Height = 33, Width = 99 };
        });
        var (code, output, error) = await bundle.RunAsync();
        Assert.True(code == 0, error);
        Assert.Equal("33 99\n/dev/pts/0\nconsole\n", output);
    }

    [Fact]
    public async Task Run_ListenDescriptors_ArePassedAndTold()
    {
        var bundle = fixture.NewBundle("echo ${LISTEN_FDS:-none} ${LISTEN_PID:-none} $$; cat <&3; cat <&4");
        await File.WriteAllTextAsync($"{bundle.Path}/three", "3\n");
        await File.WriteAllTextAsync($"{bundle.Path}/four", "4\n");
        var run = $"exec {fixture.RuntimePath} --root {fixture.Root} run --preserve-fds 1 -b {bundle.Path} {bundle.Id}";
        var opened = $"exec 3<{bundle.Path}/three 4<{bundle.Path}/four; export LISTEN_FDS=1";
        var (_, output, error) = await fixture.RunShellAsync($"{opened} LISTEN_PID=$$; {run}");
        Assert.True(output == "1 1 1\n3\n4\n", output + error);
        // Meant for another process.
        (_, output, error) = await fixture.RunShellAsync($"{opened} LISTEN_PID=1; {run}");
        Assert.True(output.StartsWith("none none 1\n3\n", StringComparison.Ordinal), output + error);
    }

    [Fact]
    public async Task Run_ProgramThatOnlyACapabilityLetsExecute_Runs()
    {
        foreach (var noNewPrivileges in (bool[])[true, false])
        {
            var bundle = fixture.NewBundle("", spec =>
            {
                spec.Process!.Args = ["private"];
                spec.Process.User.Uid = 5;
                spec.Process.Capabilities = null;
                spec.Process.NoNewPrivileges = noNewPrivileges;
            });
            await File.WriteAllTextAsync($"{bundle.Rootfs}/bin/private", "#!/bin/sh\necho ran\n");
            File.SetUnixFileMode($"{bundle.Rootfs}/bin/private", UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            var (code, _, error) = await bundle.RunAsync();
            Assert.Equal(1, code);
            Assert.Contains("exec: \"private\": permission denied", error);
            List<string> set = ["CAP_DAC_OVERRIDE"];
            bundle.Change(spec => spec.Process!.Capabilities = new CapabilitiesSpec { Bounding = set, Permitted = set, Effective = set, Inheritable = set, Ambient = set });
            Assert.Equal((0, "ran\n", ""), await bundle.RunAsync());
        }
    }

    [Fact]
    public async Task RunAndExec_VariableNamedTwice_HasTheLastValueOnce()
    {
        var bundle = fixture.NewBundle("env; sleep 100", static spec => spec.Process!.Env = ["A=1", "PATH=/bin", "A=2", "AB=3", "A=4", "odd"]);
        await bundle.StartAsync();
        await bundle.WaitForOutputAsync("HOME");
        Assert.Equal(["A=4"], (await bundle.OutputAsync()).Split('\n').Where(static line => line.StartsWith("A=", StringComparison.Ordinal)));
        var output = await fixture.SucceedAsync("exec", "--env", "A=5", bundle.Id, "env");
        Assert.Equal(["A=5"], output.Split('\n').Where(static line => line.StartsWith("A=", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task Run_AmbientCapabilityThatIsNotInheritable_IsLeftOutWithAWarning()
    {
        var bundle = fixture.NewBundle("grep CapAmb /proc/self/status", static spec => spec.Process!.Capabilities = new CapabilitiesSpec
        {
            Bounding = ["CAP_CHOWN", "CAP_KILL"],
            Permitted = ["CAP_CHOWN", "CAP_KILL"],
            Effective = ["CAP_CHOWN", "CAP_KILL"],
            Inheritable = ["CAP_KILL"],
            Ambient = ["CAP_CHOWN", "CAP_KILL"],
        });
        var (code, output, error) = await bundle.RunAsync();
        Assert.Equal((0, "CapAmb:\t0000000000000020\n"), (code, output));
        Assert.Contains("can't raise ambient capability CAP_CHOWN: it is not both", error);
        Assert.DoesNotContain("CAP_KILL", error);
    }

    [Fact]
    public async Task Exec_ListenDescriptors_ArePassedAndTold()
    {
        var bundle = fixture.NewBundle("sleep 100");
        await bundle.StartAsync();
        await File.WriteAllTextAsync($"{bundle.Path}/three", "3\n");
        await File.WriteAllTextAsync($"{bundle.Path}/four", "4\n");
        var exec = $"exec {fixture.RuntimePath} --root {fixture.Root} exec --preserve-fds 1 {bundle.Id} sh -c "
            + "'[ $LISTEN_PID = $$ ] && echo told; echo ${LISTEN_FDS:-none}; cat <&3; cat <&4'";
        var opened = $"exec 3<{bundle.Path}/three 4<{bundle.Path}/four; export LISTEN_FDS=1";
        var (_, output, error) = await fixture.RunShellAsync($"{opened} LISTEN_PID=$$; {exec}");
        Assert.True(output == "told\n1\n3\n4\n", output + error);
        (_, output, _) = await fixture.RunShellAsync($"{opened} LISTEN_PID=1; {exec}");
        Assert.StartsWith("none\n3\n", output);
    }

    [Fact]
    public async Task RunAndExec_TerminalInTheForeground_LinesEndAsTheyWereWritten()
    {
        var bundle = fixture.NewBundle("tty >/dev/null 2>&1; [ -t 1 ] && printf 'one\\ntwo\\r\\n'; sleep 0.1", static spec => spec.Process!.Terminal = true);
        var (code, output, error) = await bundle.RunAsync();
        Assert.Equal((0, "one\ntwo\r\n", ""), (code, output, error));
        var other = fixture.NewBundle("sleep 100");
        await other.StartAsync();
        (code, output, _) = await fixture.RunAsync("exec", "-t", other.Id, "sh", "-c", "[ -t 1 ] && printf 'one\\ntwo\\r\\n'; sleep 0.1");
        Assert.Equal((0, "one\ntwo\r\n"), (code, output));
    }

    [Fact]
    public async Task Run_FewerDescriptorsThanMounts_AreTheProgramsLimit()
    {
        var bundle = fixture.NewBundle("ulimit -n; ls / | grep -c '^m'", static spec =>
        {
            NamespaceTests.AddUserNamespace(spec);
            spec.Process!.Rlimits = [new RlimitSpec { Type = "RLIMIT_NOFILE", Soft = 12, Hard = 12 }];
            spec.Mounts!.AddRange(Enumerable.Range(0, 30).Select(
                static number => new MountSpec { Destination = $"/m{number}", Source = "/tmp", Options = ["bind"] }));
        });
        foreach (var number in Enumerable.Range(0, 30))
        {
            Directory.CreateDirectory($"{bundle.Rootfs}/m{number}");
        }
        Assert.Equal((0, "12\n30\n", ""), await bundle.RunAsync());
    }

    [Fact]
    public async Task Run_NotifySocket_PassesReadinessOn()
    {
        var host = $"{fixture.Directory}/host.sock";
        using var listener = SysSocket.BindDatagram(host);
        var bundle = fixture.NewBundle("echo $NOTIFY_SOCKET; test -S $NOTIFY_SOCKET && echo socket; touch /run/notify/x 2>/dev/null || echo ro; exec tell");
        AttackProgram.Install(bundle, "tell", """
            #include <sys/socket.h>
            #include <sys/un.h>
            int main(void) {
                struct sockaddr_un address = { .sun_family = AF_UNIX };
                int s = socket(AF_UNIX, SOCK_DGRAM, 0);
                strcpy(address.sun_path, getenv("NOTIFY_SOCKET"));
                if (connect(s, (struct sockaddr *)&address, sizeof address)) return 3;
                send(s, "STATUS=starting", 15, 0);
                send(s, "STATUS=up\nREADY=1", 17, 0);
                pause();
                return 0;
            }
            """);
        var run = fixture.RunShellAsync(
            $"export NOTIFY_SOCKET={host}; exec {fixture.RuntimePath} --root {fixture.Root} run --detach --pid-file {bundle.Path}/pid -b {bundle.Path} {bundle.Id} </dev/null >{bundle.Path}/out 2>&1");
        Assert.Equal("READY=1\n", await ReceiveAsync(listener));
        Assert.Equal($"MAINPID={await bundle.PidAsync()}\n", await ReceiveAsync(listener));
        Assert.Equal("BARRIER=1", await ReceiveAsync(listener));
        Assert.Equal(0, (await run).ExitCode);
        Assert.Equal("/run/notify/notify.sock\nsocket\nro\n", await bundle.OutputAsync());
        Assert.Equal(0, (await fixture.RunAsync("delete", "--force", bundle.Id)).ExitCode);
        Assert.False(Directory.Exists($"{fixture.Root}/{bundle.Id}"));
    }

    /// <summary>The next message; the descriptor that a barrier brings is closed, which is its answer.</summary>
    private static async Task<string> ReceiveAsync(FileDescriptor socket)
    {
        var limit = TestBundle.Timeout();
        while (Poll.Wait([new PollDescriptor(socket.Number, Poll.POLLIN)], 0) == 0)
        {
            await Task.Delay(5, limit);
        }
        var buffer = new byte[256];
        var length = SysSocket.ReceiveMessage(socket.Number, buffer, out var descriptor);
        descriptor?.Dispose();
        return System.Text.Encoding.UTF8.GetString(buffer, 0, length);
    }
}
