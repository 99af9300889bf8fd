using System.Diagnostics;
using Gantry.Faults;
using Gantry.Monitor;
using Gantry.Oci.Runtime;

namespace Gantry.Runtime.Tests.Crashes;

/// <summary>What a monitor survives, what it records, and what is left when it does not survive.</summary>
public sealed class MonitorLossTests(RuntimeFixture fixture) : IClassFixture<RuntimeFixture>
{
    private const int SIGHUP = 1;
    private const int SIGINT = 2;
    private const int SIGTERM = 15;

    /// <summary>Who stops gantryd with its whole session, or the machine's shutdown, ends containers in their own way.</summary>
    [Fact]
    public async Task Signals_ThatEndPrograms_LeaveTheMonitorAndItsContainer()
    {
        var bundle = fixture.NewBundle("trap 'echo got it; exit 3' USR1; echo on; while true; do sleep 0.01; done");
        await using var client = await MonitorClient.LaunchAsync(bundle.Launch, TestBundle.Timeout());
        await using var attachment = await client.AttachAsync(null, false, true, true, TestBundle.Timeout());
        await client.StartAsync(TestBundle.Timeout());
        await TestBundle.ReadUntilAsync(attachment, "on");
        foreach (var signal in (int[])[SIGHUP, SIGINT, SIGTERM])
        {
            var sent = await fixture.RunShellAsync($"kill -{signal} {client.Info.MonitorPid}");
            Assert.Equal(0, sent.ExitCode);
        }
        await client.SignalAsync(10, false, TestBundle.Timeout());
        await TestBundle.ReadUntilAsync(attachment, "got it");
        Assert.Equal(3, (await client.WaitAsync(null, TestBundle.Timeout())).ExitCode);
    }

    [Fact]
    public async Task Exit_BySignal_IsRecordedWithItsTime()
    {
        var bundle = fixture.NewBundle("echo on; kill -15 $$; sleep 1000", static spec =>
            // Not as the first process of a pid namespace, which no signal of its own ends.
            spec.Linux!.Namespaces!.RemoveAll(static item => item.Type == "pid"));
        await using var client = await MonitorClient.LaunchAsync(bundle.Launch, TestBundle.Timeout());
        var before = DateTimeOffset.UtcNow;
        await client.StartAsync(TestBundle.Timeout());
        var exit = await client.WaitAsync(null, TestBundle.Timeout());
        Assert.Equal((143, SIGTERM, false, null), (exit.ExitCode, exit.Signal, exit.OomKilled, exit.Error));
        Assert.InRange(exit.FinishedAt, before, DateTimeOffset.UtcNow);
        Assert.Equal(exit, MonitorClient.ReadExit(bundle.State));
    }

    /// <summary>The kernel kills a child for want of memory; the container goes on, ends well, and still tells.</summary>
    [Fact]
    public async Task Exit_AfterAChildWasKilledForMemory_SaysSo()
    {
        var bundle = fixture.NewBundle(
            "(head -c 100000000 /dev/zero | tail) ; exit 5",
            static spec => spec.Linux!.Resources!.Memory = new MemorySpec { Limit = 16 << 20, Swap = 16 << 20 });
        await using var client = await MonitorClient.LaunchAsync(bundle.Launch, TestBundle.Timeout());
        await client.StartAsync(TestBundle.Timeout());
        var exit = await client.WaitAsync(null, TestBundle.Timeout());
        Assert.Equal((5, 0, true), (exit.ExitCode, exit.Signal, exit.OomKilled));
    }

    /// <summary>Killed while the container is being created: the half of it that there is goes with the clean-up.</summary>
    [Fact]
    public async Task Monitor_KilledWhileItCreates_CleanupLeavesNothing()
    {
        var bundle = fixture.NewBundle("sleep 1000", spec => spec.Hooks = new HooksSpec
        {
            CreateRuntime =
            [
                // Its parent is the process that creates, whose parent is the monitor. It goes on as long as that one does.
                new HookSpec { Path = "/bin/sh", Args = ["sh", "-c", "echo $PPID > $0/creating; while kill -0 $PPID 2>/dev/null; do sleep 0.02; done", "BUNDLE"], Env = ["PATH=/usr/bin:/bin"] },
            ],
        });
        bundle.Change(spec => spec.Hooks!.CreateRuntime![0].Args![3] = bundle.Path);
        var launch = MonitorClient.LaunchAsync(bundle.Launch, TestBundle.Timeout());
        var limit = TestBundle.Timeout();
        string creator;
        while ((creator = File.Exists($"{bundle.Path}/creating") ? (await File.ReadAllTextAsync($"{bundle.Path}/creating")).Trim() : "").Length == 0)
        {
            Assert.False(limit.IsCancellationRequested, "the hook did not run");
            await Task.Delay(5, CancellationToken.None);
        }
        var status = await File.ReadAllLinesAsync($"/proc/{creator}/status");
        var monitor = int.Parse(status.First(static line => line.StartsWith("PPid:", StringComparison.Ordinal))[5..]);
        using (var process = Process.GetProcessById(monitor))
        {
            process.Kill();
        }
        await Assert.ThrowsAsync<FaultException>(() => launch);
        await MonitorClient.CleanupAsync(bundle.Launch, TestBundle.Timeout());
        while (Left(bundle) is { Length: > 0 } left)
        {
            Assert.False(limit.IsCancellationRequested, string.Join(", ", left));
            await Task.Delay(5, CancellationToken.None);
        }
    }

    private string[] Left(TestBundle bundle) =>
    [
        .. Directory.EnumerateDirectories("/proc").Where(path => Path.GetFileName(path).All(char.IsAsciiDigit) && Mentions($"{path}/cmdline", bundle.Path)),
        .. new[] { $"{fixture.Root}/{bundle.Id}", $"/sys/fs/cgroup/memory/gantry-test/{bundle.Id}", $"/sys/fs/cgroup/gantry-test/{bundle.Id}" }.Where(Directory.Exists),
    ];

    private static bool Mentions(string path, string text)
    {
        try
        {
            return File.ReadAllText(path).Contains(text, StringComparison.Ordinal);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false; // it has ended meanwhile
        }
    }
}
