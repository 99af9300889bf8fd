using System.Diagnostics;
using Gantry.Faults;
using Gantry.Linux.Cgroups;

namespace Gantry.Linux.Tests;

public sealed class ControlGroupTests : IDisposable
{
    private readonly string _path = $"/gantry-linux-test/{Environment.ProcessId}-{Guid.NewGuid():N}";

    [Theory]
    [InlineData("relative")]
    [InlineData("/a/../b")]
    [InlineData("/")]
    [InlineData("")]
    public void Open_BadPath_IsRefused(string path) =>
        Assert.Equal(FaultKind.InvalidArgument, Assert.Throws<FaultException>(() => ControlGroup.Open(path)).Kind);

    [Fact]
    public void Lifecycle_CreateLimitMoveFreezeKillRemove_Works()
    {
        var group = ControlGroup.Open($"{_path}/deep/er");
        group.Create();
        Assert.True(group.Exists);
        group.Apply(new CgroupResources
        {
            MemoryLimitBytes = 64 << 20,
            CpuShares = 512,
            CpuQuotaUs = 50_000,
            CpuPeriodUs = 100_000,
            PidsLimit = 20,
        });
        using var process = Process.Start("sleep", "1000");
        group.AddProcess(process.Id);
        Assert.Equal([process.Id], group.ProcessIds());
        var statistics = group.Statistics();
        Assert.Equal((64UL << 20, 20UL, 1UL), (statistics.MemoryLimitBytes, statistics.PidsLimit, statistics.Pids));
        group.SetFrozen(true);
        Assert.True(group.IsFrozen);
        group.SetFrozen(false);
        Assert.False(group.IsFrozen);
        group.KillAll();
        process.WaitForExit();
        Assert.Equal(137, process.ExitCode);
        group.Remove();
        Assert.False(group.Exists);
        group.Remove();
    }

    [Fact]
    public void Apply_MemoryRaisedAndLowered_KeepsTheKernelsOrder()
    {
        var group = ControlGroup.Open(_path);
        group.Create();
        foreach (var (limit, both) in ((long, long)[])[(32 << 20, 32 << 20), (128 << 20, 256 << 20), (16 << 20, 16 << 20), (-1, -1)])
        {
            group.Apply(new CgroupResources { MemoryLimitBytes = limit, MemoryAndSwapLimitBytes = both });
            Assert.Equal(limit < 0 ? ulong.MaxValue : (ulong)limit, group.Statistics().MemoryLimitBytes);
        }
    }

    [Theory]
    [InlineData(2, 1)]
    [InlineData(1024, 39)]
    [InlineData(262144, 10000)]
    public void WeightOf_Shares_MapsTheRange(ulong shares, ulong weight) =>
        Assert.Equal(weight, UnifiedControlGroup.WeightOf(shares));

    [Fact]
    public void DeviceFilter_Program_PassesTheVerifierAndDecides()
    {
        // The rules run on a cgroup2 tree even where its controllers belong to v1.
        const string mount = "/sys/fs/cgroup/unified";
        var directory = (Directory.Exists(mount) ? mount : ControlGroup.DefaultMount) + $"/gantry-dev-{Guid.NewGuid():N}";
        Directory.CreateDirectory(directory);
        try
        {
            DeviceFilter.Attach(directory,
            [
                new DeviceRule(false, 'a', -1, -1, "rwm"), new DeviceRule(true, 'c', 1, 3, "rwm"),
                new DeviceRule(true, 'c', 1, 5, "r"), new DeviceRule(true, 'b', 7, -1, "rw"),
            ]);
            DeviceFilter.Attach(directory,
                [new DeviceRule(false, 'a', -1, -1, "rwm"), new DeviceRule(true, 'c', 1, 3, "rwm"), new DeviceRule(true, 'c', 1, 5, "r")]);
            var script = $"echo $$ > {directory}/cgroup.procs; echo x > /dev/null && echo a; head -c1 /dev/zero >/dev/null && echo b; "
                + "(echo x > /dev/zero) 2>/dev/null || echo c; (head -c1 /dev/urandom >/dev/null) 2>/dev/null || echo d";
            var start = new ProcessStartInfo("bash", ["-c", script]) { RedirectStandardOutput = true };
            using var process = Process.Start(start)!;
            Assert.Equal("a\nb\nc\nd\n", process.StandardOutput.ReadToEnd());
        }
        finally
        {
            for (var attempt = 0; Directory.Exists(directory) && attempt < 200; attempt++)
            {
                try
                {
                    Directory.Delete(directory);
                }
                catch (IOException)
                {
                    Thread.Sleep(10);
                }
            }
        }
    }

    public void Dispose() => ControlGroup.Open(_path).Remove();
}
