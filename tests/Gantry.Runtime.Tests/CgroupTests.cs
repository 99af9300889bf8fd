using Gantry.Oci.Runtime;

namespace Gantry.Runtime.Tests;

/// <summary>Whose a cgroup is.</summary>
public sealed class CgroupTests(RuntimeFixture fixture) : IClassFixture<RuntimeFixture>
{
    [Fact]
    public async Task Create_GroupThatOthersAreIn_IsRefusedAndTheyRunOn()
    {
        var first = fixture.NewBundle("echo up; sleep 100");
        await first.StartAsync();
        await first.WaitForOutputAsync("up");
        foreach (var hasMountNamespace in (bool[])[true, false])
        {
            var second = fixture.NewBundle("true", spec =>
            {
                spec.Linux!.CgroupsPath = $"/gantry-test/{first.Id}";
                if (!hasMountNamespace)
                {
                    spec.Linux.Namespaces!.RemoveAll(static item => item.Type == "mount");
                    spec.Mounts = null;
                    spec.Linux.MaskedPaths = spec.Linux.ReadonlyPaths = null;
                }
            });
            var (code, _, error) = await second.RunAsync();
            Assert.Equal(1, code);
            Assert.Contains($"cgroup /gantry-test/{first.Id}: the container's cgroup is not empty: ", error);
            Assert.False(Directory.Exists($"{fixture.Root}/{second.Id}"));
        }
        Assert.Contains("\"running\"", await fixture.SucceedAsync("state", first.Id));
    }

    [Fact]
    public async Task Create_FailsBeforeItHasAGroup_LeavesThatOfOthers()
    {
        var first = fixture.NewBundle("echo up; sleep 100");
        await first.StartAsync();
        await first.WaitForOutputAsync("up");
        var second = fixture.NewBundle("true", spec =>
        {
            spec.Linux!.CgroupsPath = $"/gantry-test/{first.Id}";
            spec.Mounts!.Add(new MountSpec { Destination = "/x", Source = "/no/such/source", Options = ["bind"] });
        });
        Assert.Equal(1, (await second.RunAsync()).ExitCode);
        Assert.Contains("\"running\"", await fixture.SucceedAsync("state", first.Id));
    }

    [Theory]
    [InlineData("1.2.0", "max")]
    [InlineData("1.3.0", "1")]
    public async Task Create_NoTaskIsAllowed_MeansWhatItsVersionSays(string version, string expected)
    {
        var bundle = fixture.NewBundle("sleep 100", spec =>
        {
            spec.OciVersion = version;
            spec.Process!.Args = ["sleep", "100"];
            spec.Linux!.Resources!.Pids = new PidsSpec { Limit = 0 };
        });
        await bundle.StartAsync();
        var file = $"/sys/fs/cgroup/pids/gantry-test/{bundle.Id}/pids.max";
        Assert.Equal(expected, (await File.ReadAllTextAsync(file)).Trim());
        await fixture.SucceedAsync("update", "--pids-limit", "20", bundle.Id);
        await fixture.SucceedAsync("update", "--pids-limit", "0", bundle.Id);
        Assert.Equal(expected, (await File.ReadAllTextAsync(file)).Trim());
    }

    [Fact]
    public async Task Kill_ContainerHasEnded_SaysSoInTheWordsThatShimsKnow()
    {
        var bundle = fixture.NewBundle("true");
        await bundle.StartAsync();
        await Waiting.UntilAsync(async () => (await fixture.SucceedAsync("state", bundle.Id)).Contains("stopped", StringComparison.Ordinal));
        var (code, _, error) = await fixture.RunAsync("kill", bundle.Id, "TERM");
        Assert.Equal(1, code);
        Assert.Contains("container not running", error);
    }

    [Fact]
    public async Task Create_GroupThatIsFrozen_IsRefusedInsteadOfStopping()
    {
        var bundle = fixture.NewBundle("true");
        var directory = Directory.CreateDirectory($"/sys/fs/cgroup/freezer/gantry-test/{bundle.Id}").FullName;
        Directory.CreateDirectory($"/sys/fs/cgroup/devices/gantry-test/{bundle.Id}");
        await File.WriteAllTextAsync($"{directory}/freezer.state", "FROZEN");
        var (code, _, error) = await bundle.RunAsync();
        Assert.Equal(1, code);
        Assert.Contains("container's cgroup unexpectedly frozen; thaw it", error);
        await File.WriteAllTextAsync($"{directory}/freezer.state", "THAWED");
        Assert.Equal((0, "", ""), await bundle.RunAsync());
    }

    [Fact]
    public async Task Create_GroupThatIsEmpty_IsTaken()
    {
        var bundle = fixture.NewBundle("true");
        foreach (var controller in Directory.GetDirectories("/sys/fs/cgroup").Where(static path => File.Exists($"{path}/cgroup.procs")))
        {
            Directory.CreateDirectory($"{controller}/gantry-test/{bundle.Id}");
        }
        Assert.Equal((0, "", ""), await bundle.RunAsync());
    }
}
