using Gantry.Oci.Runtime;

namespace Gantry.Runtime.Tests;

/// <summary>Processors and memory nodes of a container's processes.</summary>
public sealed class NumaTests(RuntimeFixture fixture) : IClassFixture<RuntimeFixture>
{
    [Fact]
    public async Task RunAndExec_CallerIsBoundToOneProcessor_ContainerIsNot()
    {
        var bundle = fixture.NewBundle("grep Cpus_allowed_list /proc/self/status; sleep 100");
        var all = (await File.ReadAllLinesAsync("/proc/self/status")).Single(static line => line.StartsWith("Cpus_allowed_list", StringComparison.Ordinal));
        var bound = $"exec taskset -c 0 {fixture.RuntimePath} --root {fixture.Root}";
        var (code, _, _) = await fixture.RunShellAsync($"{bound} run -d -b {bundle.Path} {bundle.Id} </dev/null >{bundle.Path}/out 2>&1");
        Assert.Equal(0, code);
        await bundle.WaitForOutputAsync("\n");
        Assert.Equal(all, (await bundle.OutputAsync()).Trim());
        var (_, output, error) = await fixture.RunShellAsync($"{bound} exec {bundle.Id} grep Cpus_allowed_list /proc/self/status");
        Assert.Equal((all, ""), (output.Trim(), error));
    }

    [Fact]
    public async Task RunAndExec_CpuSet_BoundsThemAllTheSame()
    {
        var bundle = fixture.NewBundle("grep Cpus_allowed_list /proc/self/status; sleep 100", static spec => spec.Linux!.Resources!.Cpu = new CpuSpec { Cpus = "0" });
        await bundle.StartAsync();
        await bundle.WaitForOutputAsync("Cpus_allowed_list:\t0\n");
        Assert.Equal("Cpus_allowed_list:\t0\n", await fixture.SucceedAsync("exec", bundle.Id, "grep", "Cpus_allowed_list", "/proc/self/status"));
    }

    [Theory]
    [InlineData("MPOL_BIND", "0", null, "bind:0")]
    [InlineData("MPOL_BIND", "0", "MPOL_F_STATIC_NODES", "bind=static:0")]
    [InlineData("MPOL_INTERLEAVE", "0", "MPOL_F_RELATIVE_NODES", "interleave=relative:0")]
    [InlineData("MPOL_PREFERRED", "0", null, "prefer:0")]
    [InlineData("MPOL_LOCAL", null, null, "local")]
    [InlineData("MPOL_DEFAULT", null, null, "default")]
    public async Task RunAndExec_MemoryPolicy_IsTheProcesses(string mode, string? nodes, string? flag, string expected)
    {
        var bundle = fixture.NewBundle("head -n 1 /proc/self/numa_maps; sleep 100", spec =>
            spec.Linux!.MemoryPolicy = new MemoryPolicySpec { Mode = mode, Nodes = nodes, Flags = flag is null ? null : [flag] });
        await bundle.StartAsync();
        await bundle.WaitForOutputAsync("\n");
        Assert.Contains($" {expected} ", await bundle.OutputAsync());
        Assert.Contains($" {expected} ", await fixture.SucceedAsync("exec", bundle.Id, "head", "-n", "1", "/proc/self/numa_maps"));
    }

    [Theory]
    [InlineData("MPOL_NOWHERE", "0", null, "invalid memory policy mode \"MPOL_NOWHERE\"")]
    [InlineData("MPOL_BIND", "0", "MPOL_F_NOTHING", "invalid memory policy flag \"MPOL_F_NOTHING\"")]
    [InlineData("MPOL_BIND", "a-b", null, "invalid memory policy nodes \"a-b\"")]
    [InlineData("MPOL_BIND", null, null, "mode requires at least one node but got 0")]
    [InlineData("MPOL_LOCAL", "0", null, "mode requires 0 nodes but got 0")]
    [InlineData("MPOL_BIND", "63", null, "set_mempolicy linux.memoryPolicy MPOL_BIND 63: invalid argument (EINVAL)")]
    public async Task Create_MemoryPolicyThatCannotBe_SaysWhy(string mode, string? nodes, string? flag, string expected)
    {
        var bundle = fixture.NewBundle("true", spec =>
            spec.Linux!.MemoryPolicy = new MemoryPolicySpec { Mode = mode, Nodes = nodes, Flags = flag is null ? null : [flag] });
        var (code, _, error) = await bundle.RunAsync();
        Assert.Equal(1, code);
        Assert.Contains(expected, error);
    }
}
