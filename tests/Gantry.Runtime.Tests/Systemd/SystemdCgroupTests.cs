using System.Diagnostics;
using Gantry.Oci.Runtime;

namespace Gantry.Runtime.Tests.Systemd;

/// <summary>
/// --systemd-cgroup with a stand-in for systemd: what it is asked, and what becomes of its answers. A machine with systemd was
/// tried by hand (docs/conformance.md).
/// </summary>
public sealed class SystemdCgroupTests(RuntimeFixture fixture) : IClassFixture<RuntimeFixture>, IDisposable
{
    private static int s_count;

    /// <summary>A slice of this test's own; the stand-in makes no groups, the runtime does so below it.</summary>
    private readonly string _slice = $"gantrytest{Environment.ProcessId}x{Interlocked.Increment(ref s_count)}";

    private readonly bool _hasSystemSlice = Directory.Exists("/sys/fs/cgroup/memory/system.slice");

    private readonly StandInBus _bus = new($"{fixture.Directory}/bus{Interlocked.Increment(ref s_count)}");

    public void Dispose()
    {
        _bus.Dispose();
        foreach (var controller in Directory.GetDirectories("/sys/fs/cgroup"))
        {
            Remove($"{controller}/{_slice}.slice");
            if (!_hasSystemSlice)
            {
                Remove($"{controller}/system.slice");
            }
        }
    }

    [Fact]
    public async Task Run_Limits_AreTheScopesProperties()
    {
        var bundle = NewBundle("cat /proc/self/cgroup; sleep 100", spec =>
        {
            spec.Linux!.Namespaces!.RemoveAll(static item => item.Type == "cgroup");
            spec.Linux.Resources = new ResourcesSpec
            {
                Memory = new MemorySpec { Limit = 64 << 20 },
                Cpu = new CpuSpec { Shares = 512, Quota = 33_333, Period = 100_000 },
                Pids = new PidsSpec { Limit = 77 },
                Devices = [new DeviceRuleSpec { Allow = false, Access = "rwm" }, new DeviceRuleSpec { Allow = true, Type = "c", Major = 10, Minor = 200, Access = "rw" }],
            };
            spec.Annotations = new() { ["org.systemd.property.TimeoutStopSec"] = "uint64 7", ["org.systemd.property.CollectMode"] = "'inactive-or-failed'" };
        }, $"{_slice}-sub.slice");
        await DetachAsync(bundle);
        var start = _bus.Call("StartTransientUnit");
        Assert.Equal($"pre-{bundle.Id}.scope", start.Unit);
        Assert.Equal("replace", start.Arguments[1]);
        var pid = await bundle.PidAsync();
        foreach (var (name, text) in ((string, string)[])
            [
                ("Slice", $"{_slice}-sub.slice"), ("Delegate", "true"), ("DefaultDependencies", "false"), ("PIDs", $"[{pid}]"),
                ("MemoryLimit", "67108864"), ("CPUShares", "512"), ("CPUQuotaPerSecUSec", "340000"), ("CPUQuotaPeriodUSec", "100000"),
                ("TasksMax", "77"), ("DevicePolicy", "strict"), ("TimeoutStopUSec", "7000000"), ("CollectMode", "inactive-or-failed"),
                ("MemoryAccounting", "true"), ("TasksAccounting", "true"), ("CPUAccounting", "true"),
            ])
        {
            Assert.Equal(text, start.Property(name));
        }
        var devices = start.Properties.FindAll(static item => item.StartsWith("DeviceAllow=", StringComparison.Ordinal));
        Assert.Equal("DeviceAllow=[]", devices[0]);
        Assert.Contains("(/dev/char/10:200, rw)", devices[1]);
        Assert.Contains("(/dev/char/1:3, rwm)", devices[1]);
        Assert.Contains("(char-136, rwm)", devices[1]);
        // And the files, which the stand-in cannot write.
        var path = $"/{_slice}.slice/{_slice}-sub.slice/pre-{bundle.Id}.scope";
        await bundle.WaitForOutputAsync($":memory:{path}");
        Assert.Equal("67108864", File.ReadAllText($"/sys/fs/cgroup/memory{path}/memory.limit_in_bytes").Trim());
        Assert.Equal("33333", File.ReadAllText($"/sys/fs/cgroup/cpu{path}/cpu.cfs_quota_us").Trim());

        await SucceedAsync("update", "--memory", "96M", "--cpu-quota", "50000", "--pids-limit", "-1", bundle.Id);
        var update = _bus.Call("SetUnitProperties");
        Assert.Equal((start.Unit, true), (update.Unit, (bool)update.Arguments[1]));
        Assert.Equal(
            ["MemoryLimit=100663296", "CPUQuotaPerSecUSec=500000", "TasksMax=18446744073709551615"], update.Properties);
        Assert.Equal("100663296", File.ReadAllText($"/sys/fs/cgroup/memory{path}/memory.limit_in_bytes").Trim());

        var file = $"{bundle.Path}/resources.json";
        await File.WriteAllTextAsync(file, """{"memory":{"limit":4096,"checkBeforeUpdate":true}}""");
        var (code, _, error) = await RunAsync("update", "--resources", file, bundle.Id);
        Assert.True(code == 1 && error.Contains("memory limit 4096: below the ", StringComparison.Ordinal), error);
        Assert.Equal("100663296", File.ReadAllText($"/sys/fs/cgroup/memory{path}/memory.limit_in_bytes").Trim());

        Assert.Equal((0, "here\n", ""), await RunAsync("exec", bundle.Id, "sh", "-c", "echo here"));
        await SucceedAsync("delete", "--force", bundle.Id);
        Assert.Equal(start.Unit, _bus.Call("StopUnit").Unit);
        Assert.Equal(start.Unit, _bus.Call("ResetFailedUnit").Unit);
        Assert.False(Directory.Exists($"/sys/fs/cgroup/memory{path}"));
    }

    [Fact]
    public async Task Run_NoPath_IsAScopeOfTheSystemSlice()
    {
        var bundle = fixture.NewBundle("true", static spec => spec.Linux!.CgroupsPath = null);
        Assert.Equal((0, "", ""), await RunAsync("--cgroup-manager", "systemd", "run", "-b", bundle.Path, bundle.Id));
        var start = _bus.Call("StartTransientUnit");
        Assert.Equal($"gantry-{bundle.Id}.scope", start.Unit);
        Assert.Equal("system.slice", start.Property("Slice"));
    }

    [Fact]
    public async Task Run_JobFails_SaysSoAndLeavesNothing()
    {
        _bus.JobResult = "failed";
        var bundle = NewBundle("true");
        var (code, _, error) = await RunAsync("--systemd-cgroup", "run", "-b", bundle.Path, bundle.Id);
        Assert.Equal(1, code);
        Assert.Contains($"StartTransientUnit pre-{bundle.Id}.scope: the job ended as \"failed\"; see systemctl status", error);
        Assert.Contains(_bus.Calls, call => call.Member == "ResetFailedUnit" && call.Unit == $"pre-{bundle.Id}.scope");
        Assert.False(Directory.Exists($"{fixture.Root}/{bundle.Id}"));
    }

    [Fact]
    public async Task Run_UnitOfAFailedRunIsThere_IsClearedOnce()
    {
        var starts = 0;
        _bus.Refuse = call => call.Member == "StartTransientUnit" && starts++ == 0
            ? ("org.freedesktop.systemd1.UnitExists", "Unit was already loaded")
            : null;
        var bundle = NewBundle("echo ran");
        Assert.Equal((0, "ran\n", ""), await RunAsync("--systemd-cgroup", "run", "-b", bundle.Path, bundle.Id));
        Assert.Equal(
            ["Hello", "AddMatch", "StartTransientUnit", "ResetFailedUnit", "StartTransientUnit"],
            _bus.Calls.Select(static call => call.Member).Take(5));
    }

    [Fact]
    public async Task Run_UnitOfAnotherContainer_IsNotStopped()
    {
        _bus.Refuse = static call => call.Member == "StartTransientUnit" ? ("org.freedesktop.systemd1.UnitExists", "Unit was already loaded") : null;
        var bundle = NewBundle("true");
        var (code, _, error) = await RunAsync("--systemd-cgroup", "run", "-b", bundle.Path, bundle.Id);
        Assert.Equal(1, code);
        Assert.Contains("StartTransientUnit: Unit was already loaded (org.freedesktop.systemd1.UnitExists)", error);
        Assert.DoesNotContain(_bus.Calls, static call => call.Member == "StopUnit");
    }

    [Fact]
    public async Task Run_SystemdHasNotEveryProperty_GoesWithout()
    {
        _bus.Refuse = static call =>
            call.Member == "StartTransientUnit" && call.Properties.Any(static item => item.StartsWith("BlockIOAccounting=", StringComparison.Ordinal))
                ? ("org.freedesktop.DBus.Error.PropertyReadOnly", "Cannot set property BlockIOAccounting, or unknown property.")
                : null;
        var bundle = NewBundle("echo ran");
        Assert.Equal((0, "ran\n", ""), await RunAsync("--systemd-cgroup", "run", "-b", bundle.Path, bundle.Id));
    }

    [Fact]
    public async Task Run_AnnotationNamesNoProperty_IsRefusedBySystemd()
    {
        _bus.Refuse = static call => call.Member == "StartTransientUnit"
            ? ("org.freedesktop.DBus.Error.PropertyReadOnly", "Cannot set property Nonsense, or unknown property.")
            : null;
        var bundle = NewBundle("true", static spec => spec.Annotations = new() { ["org.systemd.property.Nonsense"] = "1" });
        var (code, _, error) = await RunAsync("--systemd-cgroup", "run", "-b", bundle.Path, bundle.Id);
        Assert.Equal(1, code);
        Assert.Contains("Cannot set property Nonsense", error);
    }

    [Theory]
    [InlineData("/a/path", "must be slice:prefix:name, as system.slice:gantry:")]
    [InlineData("a.slice:b", "must be slice:prefix:name")]
    [InlineData("a--b.slice:p:n", "\"a--b.slice\" is not the name of a slice")]
    [InlineData("x.service:p:n", "\"x.service\" is not the name of a slice")]
    [InlineData("a.slice:p:n.slice", "n.slice is a slice, which holds no processes")]
    [InlineData("a.slice:p:../../n", "a unit's name has no /")]
    public async Task Create_PathIsNoUnit_SaysWhatWouldBe(string path, string expected)
    {
        var bundle = NewBundle("true", spec => spec.Linux!.CgroupsPath = path);
        var (code, _, error) = await RunAsync("--systemd-cgroup", "create", "-b", bundle.Path, bundle.Id);
        Assert.Equal(1, code);
        Assert.Contains(expected, error);
        Assert.False(Directory.Exists($"{fixture.Root}/{bundle.Id}"));
    }

    [Fact]
    public async Task Create_PathIsAUnitButFilesAreWanted_NamesTheOption()
    {
        var bundle = NewBundle("true");
        var (code, _, error) = await RunAsync("create", "-b", bundle.Path, bundle.Id);
        Assert.Equal(1, code);
        Assert.Contains("slice:prefix:name is for --systemd-cgroup", error);
    }

    [Fact]
    public async Task Create_NoSystemd_NamesTheSocketAndTheRemedy()
    {
        var bundle = NewBundle("true");
        var (code, _, error) = await RunWithBusAsync("unix:path=/no/bus", "--systemd-cgroup", "create", "-b", bundle.Path, bundle.Id);
        Assert.Equal(1, code);
        Assert.Contains("connect /no/bus: no such file or directory (ENOENT)", error);
        Assert.Contains("podman --cgroup-manager cgroupfs", error);
        Assert.False(Directory.Exists($"{fixture.Root}/{bundle.Id}"));
    }

    [Fact]
    public async Task Delete_SystemdIsGone_RemovesTheRestAndWarns()
    {
        var bundle = NewBundle("sleep 100");
        await DetachAsync(bundle);
        var (code, _, error) = await RunWithBusAsync("unix:path=/no/bus", "delete", "--force", bundle.Id);
        Assert.Equal(0, code);
        Assert.Contains($"pre-{bundle.Id}.scope may be left", error);
        Assert.False(Directory.Exists($"/sys/fs/cgroup/memory/{_slice}.slice/pre-{bundle.Id}.scope"));
    }

    private TestBundle NewBundle(string command, Action<RuntimeSpec>? change = null, string? slice = null) => fixture.NewBundle(command, spec =>
    {
        change?.Invoke(spec);
        if (spec.Linux!.CgroupsPath!.StartsWith("/gantry-test/", StringComparison.Ordinal))
        {
            spec.Linux.CgroupsPath = $"{slice ?? _slice + ".slice"}:pre:{spec.Linux.CgroupsPath["/gantry-test/".Length..]}";
        }
    });

    private Task<(int ExitCode, string Output, string Error)> RunAsync(params string[] arguments) => RunWithBusAsync(_bus.Address, arguments);

    private Task<(int ExitCode, string Output, string Error)> RunWithBusAsync(string address, params string[] arguments)
    {
        var start = new ProcessStartInfo(fixture.RuntimePath, ["--root", fixture.Root, .. arguments]);
        start.Environment["DBUS_SYSTEM_BUS_ADDRESS"] = address;
        return fixture.RunProcessAsync(start);
    }

    private async Task SucceedAsync(params string[] arguments)
    {
        var (code, _, error) = await RunAsync(arguments);
        Assert.True(code == 0, error);
    }

    private async Task DetachAsync(TestBundle bundle)
    {
        var (code, _, _) = await fixture.RunShellAsync(
            $"DBUS_SYSTEM_BUS_ADDRESS={_bus.Address} exec {fixture.RuntimePath} --root {fixture.Root} --systemd-cgroup run --detach "
            + $"--pid-file {bundle.Path}/pid -b {bundle.Path} {bundle.Id} </dev/null >{bundle.Path}/out 2>&1");
        Assert.True(code == 0, await bundle.OutputAsync());
    }

    private static void Remove(string group)
    {
        if (Directory.Exists(group))
        {
            foreach (var child in Directory.GetDirectories(group))
            {
                Remove(child);
            }
            Directory.Delete(group);
        }
    }
}
