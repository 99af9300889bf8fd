using System.Diagnostics;
using System.Text;
using Gantry.Faults;
using Gantry.Monitor;
using Gantry.Oci.Runtime;

namespace Gantry.Runtime.Tests;

public sealed class MonitorTests(RuntimeFixture fixture) : IClassFixture<RuntimeFixture>
{
    [Fact]
    public async Task Launch_AttachStartWait_GivesOutputLogAndExitRecord()
    {
        var bundle = fixture.NewBundle("echo out; echo err >&2; exit 42");
        await using var client = await MonitorClient.LaunchAsync(bundle.Launch, TestBundle.Timeout());
        await using var attachment = await client.AttachAsync(null, false, true, true, TestBundle.Timeout());
        await client.StartAsync(TestBundle.Timeout());
        var (output, error) = await TestBundle.ReadAllAsync(attachment);
        var exit = await client.WaitAsync(null, TestBundle.Timeout());
        await client.Closed.WaitAsync(TestBundle.Timeout());

        Assert.Equal("out\n", output);
        Assert.Equal("err\n", error);
        Assert.Equal(42, exit.ExitCode);
        Assert.Equal(exit, MonitorClient.ReadExit(bundle.State));
        var log = await File.ReadAllLinesAsync(bundle.LogPath);
        Assert.Contains(log, static line => line.StartsWith("""{"log":"out\n","stream":"stdout","time":""", StringComparison.Ordinal));
        Assert.Contains(log, static line => line.StartsWith("""{"log":"err\n","stream":"stderr","time":""", StringComparison.Ordinal));
        Assert.False(Directory.Exists($"{fixture.Root}/{bundle.Id}"));
        Assert.False(Directory.Exists($"/sys/fs/cgroup/memory/gantry-test/{bundle.Id}"));
    }

    [Fact]
    public async Task Launch_ProgramMissing_ThrowsNotFoundAndLeavesNothing()
    {
        var bundle = fixture.NewBundle("", static spec => spec.Process!.Args = ["no-such-program"]);
        var fault = await Assert.ThrowsAsync<FaultException>(() => MonitorClient.LaunchAsync(bundle.Launch, TestBundle.Timeout()));
        Assert.Equal(FaultKind.NotFound, fault.Kind);
        Assert.Contains("exec: \"no-such-program\": executable file not found in $PATH", fault.Message);
        Assert.False(Directory.Exists($"{fixture.Root}/{bundle.Id}"));
        Assert.False(Directory.Exists($"/sys/fs/cgroup/memory/gantry-test/{bundle.Id}"));
    }

    [Fact]
    public async Task Start_ProgramIsNoExecutable_ThrowsAndEnds()
    {
        var bundle = fixture.NewBundle("", static spec => spec.Process!.Args = ["/etc/text"]);
        await File.WriteAllTextAsync($"{bundle.Rootfs}/etc/text", "not a program");
        File.SetUnixFileMode($"{bundle.Rootfs}/etc/text", UnixFileMode.UserExecute | UnixFileMode.UserRead);
        await using var client = await MonitorClient.LaunchAsync(bundle.Launch, TestBundle.Timeout());
        var fault = await Assert.ThrowsAsync<FaultException>(() => client.StartAsync(TestBundle.Timeout()));
        Assert.Contains("ENOEXEC", fault.Message);
        Assert.Equal(127, (await client.WaitAsync(null, TestBundle.Timeout())).ExitCode);
    }

    [Fact]
    public async Task Signal_Kill_ExitIs137()
    {
        var bundle = fixture.NewBundle("sleep 1000");
        await using var client = await MonitorClient.LaunchAsync(bundle.Launch, TestBundle.Timeout());
        await client.StartAsync(TestBundle.Timeout());
        await client.SignalAsync(9, false, TestBundle.Timeout());
        var exit = await client.WaitAsync(null, TestBundle.Timeout());
        Assert.Equal((137, 9, false), (exit.ExitCode, exit.Signal, exit.OomKilled));
    }

    [Fact]
    public async Task Attach_Stdin_ReachesTheProgramAndEndClosesIt()
    {
        var bundle = fixture.NewBundle("cat; echo end");
        var launch = bundle.Launch with { OpenStdin = true, StdinOnce = true };
        await using var client = await MonitorClient.LaunchAsync(launch, TestBundle.Timeout());
        await using var attachment = await client.AttachAsync(null, true, true, true, TestBundle.Timeout());
        await client.StartAsync(TestBundle.Timeout());
        var text = new string('x', 1_000_000);
        var writing = Task.Run(async () =>
        {
            await attachment.WriteStdinAsync(Encoding.UTF8.GetBytes(text), TestBundle.Timeout());
            await attachment.CloseStdinAsync(TestBundle.Timeout());
        });
        var (output, _) = await TestBundle.ReadAllAsync(attachment);
        await writing;
        Assert.Equal(text + "end\n", output);
    }

    [Fact]
    public async Task Exec_OutputInputAndExitCode_AreTheExecsOwn()
    {
        var bundle = fixture.NewBundle("sleep 1000");
        await using var client = await MonitorClient.LaunchAsync(bundle.Launch, TestBundle.Timeout());
        await client.StartAsync(TestBundle.Timeout());
        var request = new ExecRequest
        {
            Id = "e1",
            ProcessJson = TestBundle.Process("read line; echo got $line; echo bad >&2; ps | wc -l; exit 3"),
            OpenStdin = true,
        };
        var pid = await client.ExecAsync(request, TestBundle.Timeout());
        Assert.True(Directory.Exists($"/proc/{pid}"));
        await using var attachment = await client.AttachAsync("e1", true, true, true, TestBundle.Timeout());
        await attachment.WriteStdinAsync("hello\n"u8.ToArray(), TestBundle.Timeout());
        var (output, error) = await TestBundle.ReadAllAsync(attachment);
        Assert.StartsWith("got hello\n", output);
        Assert.Equal("bad\n", error);
        Assert.Equal(3, (await client.WaitAsync("e1", TestBundle.Timeout())).ExitCode);
        await client.SignalAsync(9, false, TestBundle.Timeout());
    }

    [Fact]
    public async Task Exec_EndedBeforeAttach_OutputIsKept()
    {
        var bundle = fixture.NewBundle("sleep 1000");
        await using var client = await MonitorClient.LaunchAsync(bundle.Launch, TestBundle.Timeout());
        await client.StartAsync(TestBundle.Timeout());
        await client.ExecAsync(new ExecRequest { Id = "e1", ProcessJson = TestBundle.Process("echo early") }, TestBundle.Timeout());
        Assert.Equal(0, (await client.WaitAsync("e1", TestBundle.Timeout())).ExitCode);
        await using var attachment = await client.AttachAsync("e1", false, true, true, TestBundle.Timeout());
        Assert.Equal("early\n", (await TestBundle.ReadAllAsync(attachment)).Output);
        var missing = new ExecRequest { Id = "e2", ProcessJson = RuntimeSpecJson.Write(new ProcessSpec { Args = ["nope"] }) };
        var fault = await Assert.ThrowsAsync<FaultException>(() => client.ExecAsync(missing, TestBundle.Timeout()));
        Assert.Equal(FaultKind.NotFound, fault.Kind);
        await client.SignalAsync(9, false, TestBundle.Timeout());
    }

    [Fact]
    public async Task Terminal_ResizeAndExecTerminal_SeeTheSize()
    {
        var bundle = fixture.NewBundle("sh -i", static spec => spec.Process!.Terminal = true);
        await using var client = await MonitorClient.LaunchAsync(bundle.Launch with { OpenStdin = true }, TestBundle.Timeout());
        await using var attachment = await client.AttachAsync(null, true, true, true, TestBundle.Timeout());
        await client.StartAsync(TestBundle.Timeout());
        await client.ResizeAsync(null, 101, 43, TestBundle.Timeout());
        await attachment.WriteStdinAsync("stty size; ls -l /dev/console\n"u8.ToArray(), TestBundle.Timeout());
        await TestBundle.ReadUntilAsync(attachment, "43 101");
        await client.ExecAsync(
            new ExecRequest { Id = "e", ProcessJson = TestBundle.Process("read x; stty size", terminal: true), OpenStdin = true },
            TestBundle.Timeout());
        await using var exec = await client.AttachAsync("e", true, true, true, TestBundle.Timeout());
        await client.ResizeAsync("e", 77, 22, TestBundle.Timeout());
        await exec.WriteStdinAsync("\n"u8.ToArray(), TestBundle.Timeout());
        await TestBundle.ReadUntilAsync(exec, "22 77");
        await attachment.WriteStdinAsync("exit 5\n"u8.ToArray(), TestBundle.Timeout());
        Assert.Equal(5, (await client.WaitAsync(null, TestBundle.Timeout())).ExitCode);
    }

    [Fact]
    public async Task Log_LargeOutputAndNoReader_IsComplete()
    {
        var bundle = fixture.NewBundle("i=0; while [ $i -lt 100 ]; do dd if=/dev/zero bs=1000000 count=1 2>/dev/null | tr '\\0' x; echo; i=$((i+1)); done");
        await using var client = await MonitorClient.LaunchAsync(bundle.Launch, TestBundle.Timeout());
        await client.StartAsync(TestBundle.Timeout());
        Assert.Equal(0, (await client.WaitAsync(null, TestBundle.Timeout())).ExitCode);
        long count = 0;
        long lines = 0;
        await foreach (var line in File.ReadLinesAsync(bundle.LogPath))
        {
            var end = line.IndexOf("\",\"stream\"", StringComparison.Ordinal);
            var text = line[8..end];
            lines += text.EndsWith("\\n", StringComparison.Ordinal) ? 1 : 0;
            count += text.EndsWith("\\n", StringComparison.Ordinal) ? text.Length - 2 : text.Length;
        }
        Assert.Equal((100_000_000, 100), (count, lines));
    }

    [Fact]
    public async Task Connect_AfterTheFirstClientWasLost_CarriesOn()
    {
        var bundle = fixture.NewBundle("read x; echo $x");
        var launch = bundle.Launch with { OpenStdin = true };
        var first = await MonitorClient.LaunchAsync(launch, TestBundle.Timeout());
        await first.StartAsync(TestBundle.Timeout());
        await first.DisposeAsync();
        await using var second = await MonitorClient.ConnectAsync(launch.SocketPath, TestBundle.Timeout());
        Assert.Equal(MonitorPhase.Running, second.Info.Phase);
        Assert.Equal(first.Pid, second.Pid);
        await using var attachment = await second.AttachAsync(null, true, true, true, TestBundle.Timeout());
        await attachment.WriteStdinAsync("again\n"u8.ToArray(), TestBundle.Timeout());
        Assert.Equal("again\n", (await TestBundle.ReadAllAsync(attachment)).Output);
    }

    [Fact]
    public async Task Memory_LimitExceeded_IsOomKilled()
    {
        var bundle = fixture.NewBundle(
            "head -c 100000000 /dev/zero | tail",
            static spec => spec.Linux!.Resources!.Memory = new MemorySpec { Limit = 16 << 20, Swap = 16 << 20 });
        await using var client = await MonitorClient.LaunchAsync(bundle.Launch, TestBundle.Timeout());
        await client.StartAsync(TestBundle.Timeout());
        var exit = await client.WaitAsync(null, TestBundle.Timeout());
        Assert.True(exit.OomKilled);
        Assert.Equal(137, exit.ExitCode);
    }

    [Fact]
    public async Task Monitor_Killed_ContainerDiesAndCleanupRecordsIt()
    {
        var bundle = fixture.NewBundle("sleep 1000");
        await using var client = await MonitorClient.LaunchAsync(bundle.Launch, TestBundle.Timeout());
        await client.StartAsync(TestBundle.Timeout());
        Process.GetProcessById(client.Info.MonitorPid).Kill();
        var exit = await client.WaitAsync(null, TestBundle.Timeout());
        Assert.Equal(255, exit.ExitCode);
        Assert.NotNull(exit.Error);
        await MonitorClient.CleanupAsync(bundle.Launch, TestBundle.Timeout());
        // Its reaper may take its time: a process without memory has ended.
        Assert.Equal("", File.Exists($"/proc/{client.Pid}/cmdline") ? await File.ReadAllTextAsync($"/proc/{client.Pid}/cmdline") : "");
        Assert.False(Directory.Exists($"{fixture.Root}/{bundle.Id}"));
        Assert.Equal(255, MonitorClient.ReadExit(bundle.State)?.ExitCode);
    }

    [Fact]
    public async Task Exit_SharedPidNamespace_OtherProcessesOfTheContainerEndToo()
    {
        var bundle = fixture.NewBundle("sleep 1000 & sleep 1001 & exit 6", static spec =>
            spec.Linux!.Namespaces!.RemoveAll(static item => item.Type == "pid"));
        await using var client = await MonitorClient.LaunchAsync(bundle.Launch, TestBundle.Timeout());
        await client.StartAsync(TestBundle.Timeout());
        Assert.Equal(6, (await client.WaitAsync(null, TestBundle.Timeout())).ExitCode);
        Assert.False(Directory.Exists($"/sys/fs/cgroup/memory/gantry-test/{bundle.Id}"));
    }

    [Fact]
    public async Task Attach_ReaderTakesNothing_OthersAndTheLogGetEverythingOnceItLeaves()
    {
        var bundle = fixture.NewBundle("head -c 3000000 /dev/zero | tr '\\0' 'y'; echo; echo end");
        await using var client = await MonitorClient.LaunchAsync(bundle.Launch, TestBundle.Timeout());
        var slow = await client.AttachAsync(null, false, true, true, TestBundle.Timeout());
        await using var fast = await client.AttachAsync(null, false, true, true, TestBundle.Timeout());
        await client.StartAsync(TestBundle.Timeout());
        var reading = TestBundle.ReadAllAsync(fast);
        await slow.ReadAsync(TestBundle.Timeout());
        Assert.Equal(MonitorPhase.Running, (await client.InfoAsync(TestBundle.Timeout())).Phase);
        await slow.DisposeAsync();
        Assert.Equal(3_000_000 + 5, (await reading).Output.Length);
        Assert.Equal(0, (await client.WaitAsync(null, TestBundle.Timeout())).ExitCode);
    }

    [Fact]
    public async Task Log_SizeLimit_RotatesAndKeepsTheNewest()
    {
        var bundle = fixture.NewBundle("i=0; while [ $i -lt 2000 ]; do echo line $i; i=$((i+1)); done");
        var launch = bundle.Launch with { Log = new LogTarget(bundle.LogPath, 20_000, 3) };
        await using var client = await MonitorClient.LaunchAsync(launch, TestBundle.Timeout());
        await client.StartAsync(TestBundle.Timeout());
        await client.WaitAsync(null, TestBundle.Timeout());
        string[] files = [bundle.LogPath + ".2", bundle.LogPath + ".1", bundle.LogPath];
        Assert.All(files, static file => Assert.True(new FileInfo(file).Length <= 20_000 + 40_000));
        Assert.False(File.Exists(bundle.LogPath + ".3"));
        var lines = files.SelectMany(File.ReadAllLines).ToList();
        var first = 2000 - lines.Count;
        for (var i = 0; i < lines.Count; i++)
        {
            Assert.Contains($"\"line {first + i}\\n\"", lines[i]);
        }
    }

    [Fact]
    public async Task Exec_ContainerEnds_WaiterGetsTheExecsExit()
    {
        var bundle = fixture.NewBundle("sleep 1000");
        await using var client = await MonitorClient.LaunchAsync(bundle.Launch, TestBundle.Timeout());
        await client.StartAsync(TestBundle.Timeout());
        var request = new ExecRequest { Id = "e", ProcessJson = TestBundle.Process("sleep 1000"), Detached = true };
        await client.ExecAsync(request, TestBundle.Timeout());
        var waiting = client.WaitAsync("e", TestBundle.Timeout());
        await client.SignalAsync(9, false, TestBundle.Timeout());
        Assert.Equal(137, (await waiting).ExitCode);
        Assert.Equal(137, (await client.WaitAsync(null, TestBundle.Timeout())).ExitCode);
    }

    [Fact]
    public async Task Launch_TwentyAtOnce_AllRunAndEnd()
    {
        var codes = await Task.WhenAll(Enumerable.Range(0, 20).Select(async number =>
        {
            var bundle = fixture.NewBundle($"exit {number}");
            await using var client = await MonitorClient.LaunchAsync(bundle.Launch, TestBundle.Timeout());
            await client.StartAsync(TestBundle.Timeout());
            return (await client.WaitAsync(null, TestBundle.Timeout())).ExitCode;
        }));
        Assert.Equal(Enumerable.Range(0, 20), codes);
    }

    [Fact]
    public async Task Monitor_PrivateMemory_IsBelowThreeMegabytes()
    {
        // The first monitor of a gantryd holds the program's sealed copy, which all later ones share.
        var first = fixture.NewBundle("sleep 1000");
        await using var sharing = await MonitorClient.LaunchAsync(first.Launch, TestBundle.Timeout());
        var bundle = fixture.NewBundle("echo x; sleep 1000");
        await using var client = await MonitorClient.LaunchAsync(bundle.Launch, TestBundle.Timeout());
        await client.StartAsync(TestBundle.Timeout());
        var kilobytes = File.ReadLines($"/proc/{client.Info.MonitorPid}/smaps_rollup")
            .Where(static line => line.StartsWith("Private_", StringComparison.Ordinal))
            .Sum(static line => int.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1]));
        await client.SignalAsync(9, false, TestBundle.Timeout());
        await sharing.SignalAsync(9, false, TestBundle.Timeout());
        Assert.InRange(kilobytes, 1, 3 * 1024);
    }
}
