using Gantry.Oci.Runtime;

namespace Gantry.Runtime.Tests;

/// <summary>linux.netDevices, with one end of a veth pair that the test makes.</summary>
public sealed class NetworkDeviceTests : IClassFixture<RuntimeFixture>, IAsyncLifetime
{
    private static int s_count;

    private readonly RuntimeFixture _fixture;
    private readonly string _device;
    private readonly string _peer;

    public NetworkDeviceTests(RuntimeFixture fixture)
    {
        _fixture = fixture;
        var number = $"{Environment.ProcessId % 100_000}{Interlocked.Increment(ref s_count)}";
        (_device, _peer) = ($"gtd{number}", $"gtp{number}");
    }

    public async Task InitializeAsync() => await ShellAsync(
        $"ip link add {_device} type veth peer name {_peer} && ip link set {_device} address 02:11:22:33:44:55 mtu 1400 && "
        + $"ip address add 192.0.2.77/28 dev {_device} && ip -6 address add 2001:db8::77/64 nodad dev {_device} && ip link set {_device} up");

    public async Task DisposeAsync() => await _fixture.RunShellAsync($"ip link delete {_peer}");

    [Theory]
    [InlineData(null)]
    [InlineData("eth7")]
    public async Task Run_Device_IsThereWithItsAddresses(string? name)
    {
        var bundle = _fixture.NewBundle("sleep 100", spec => spec.Linux!.NetDevices = new() { [_device] = new NetDeviceSpec { Name = name } });
        await bundle.StartAsync();
        var seen = await ShellAsync($"nsenter -t {await bundle.PidAsync()} -n ip address show dev {name ?? _device}");
        Assert.Contains("inet 192.0.2.77/28 ", seen);
        Assert.Contains("inet6 2001:db8::77/64 ", seen);
        Assert.Contains("link/ether 02:11:22:33:44:55", seen);
        Assert.Contains("mtu 1400", seen);
        Assert.Contains(",UP", seen);
        Assert.NotEqual(0, (await _fixture.RunShellAsync($"ip link show {_device}")).ExitCode);
    }

    [Fact]
    public async Task Run_NamespaceIsJoinedByPath_DeviceMovesThere()
    {
        var holder = _fixture.NewBundle("sleep 100");
        await holder.StartAsync();
        var pid = await holder.PidAsync();
        var bundle = _fixture.NewBundle("sleep 100", spec =>
        {
            spec.Linux!.Namespaces!.Single(static item => item.Type == "network").Path = $"/proc/{pid}/ns/net";
            spec.Linux.NetDevices = new() { [_device] = new NetDeviceSpec { Name = "eth0" } };
        });
        await bundle.StartAsync();
        Assert.Contains("inet 192.0.2.77/28 ", await ShellAsync($"nsenter -t {pid} -n ip address show dev eth0"));
    }

    [Fact]
    public async Task Run_HookBeforeTheRoot_SeesTheDevice()
    {
        var bundle = _fixture.NewBundle("true", spec =>
        {
            spec.Linux!.NetDevices = new() { [_device] = new NetDeviceSpec { Name = "eth0" } };
            spec.Hooks = new HooksSpec
            {
                CreateRuntime =
                [
                    new HookSpec
                    {
                        Path = "/bin/sh",
                        Args = ["sh", "-c", $"nsenter -t $(sed 's/.*\"pid\":\\([0-9]*\\).*/\\1/') -n ip address show dev eth0 > {_fixture.Directory}/{_device}"],
                        Env = ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"],
                    },
                ],
            };
        });
        var (code, _, error) = await bundle.RunAsync();
        Assert.True(code == 0, error);
        Assert.Contains("inet 192.0.2.77/28 ", await File.ReadAllTextAsync($"{_fixture.Directory}/{_device}"));
    }

    [Theory]
    [InlineData("nothere0", "eth0", true, "linux.netDevices: there is no network device nothere0")]
    [InlineData("lo", "a/b", true, "\"a/b\" is not the name of a network device")]
    [InlineData("", "x", true, "\"\" is not the name of a network device")]
    [InlineData("lo", "sixteen-letters-", true, "\"sixteen-letters-\" is not the name")]
    [InlineData("lo", "lo1", false, "there is nowhere to move network devices to")]
    public async Task Create_DeviceThatCannotMove_SaysWhy(string device, string name, bool hasNamespace, string expected)
    {
        var bundle = _fixture.NewBundle("true", spec =>
        {
            spec.Linux!.NetDevices = new() { [device] = new NetDeviceSpec { Name = name } };
            if (!hasNamespace)
            {
                spec.Linux.Namespaces!.RemoveAll(static item => item.Type == "network");
            }
        });
        var (code, _, error) = await bundle.RunAsync();
        Assert.Equal(1, code);
        Assert.Contains(expected, error);
    }

    private async Task<string> ShellAsync(string command)
    {
        var (code, output, error) = await _fixture.RunShellAsync(command);
        Assert.True(code == 0, $"{command}: {error}");
        return output;
    }
}
