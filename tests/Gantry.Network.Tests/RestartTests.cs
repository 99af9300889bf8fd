using Gantry.Linux.Netlink;
using Gantry.Network.Networks;
using Gantry.Network.Ports;
using Gantry.Network.Sandboxes;

namespace Gantry.Network.Tests;

public sealed class RestartTests
{
    [Fact]
    public async Task Restart_WithSandboxes_KeepsAddressesPortsAndNames()
    {
        NetworkFixture fixture = new();
        await fixture.InitializeAsync();
        try
        {
            await fixture.Service.CreateNetworkAsync(new NetworkSpec { Name = "kept" }, CancellationToken.None);
            SandboxRequest request = new()
            {
                Id = "a",
                Endpoints = [new EndpointRequest { Network = "kept", Names = ["a"] }],
                Ports = [new PortMapping("tcp", 80, "0.0.0.0", 0)],
            };
            SandboxRecord before = await fixture.Service.CreateSandboxAsync(request, CancellationToken.None);

            await fixture.RestartAsync();

            SandboxRecord after = fixture.Service.FindSandbox("a")!;
            Assert.Equal(before.Endpoints[0].Address, after.Endpoints[0].Address);
            (int exit, string output) = await Shell.RunAsync(after.NetworkPath, "busybox", "nslookup", "a", after.Endpoints[0].Gateway);
            Assert.True(exit == 0, output);
            SandboxRecord other = await fixture.Service.CreateSandboxAsync(request with { Id = "b", Ports = [] }, CancellationToken.None);
            Assert.NotEqual(after.Endpoints[0].Address, other.Endpoints[0].Address);
        }
        finally
        {
            await fixture.DisposeAsync();
        }
    }

    [Fact]
    public async Task Shutdown_RemoveAll_LeavesNothingInTheKernel()
    {
        NetworkFixture fixture = new();
        await fixture.InitializeAsync();
        await fixture.Service.CreateNetworkAsync(new NetworkSpec { Name = "gone" }, CancellationToken.None);
        await fixture.Service.CreateSandboxAsync(
            new SandboxRequest { Id = "a", PodHostName = "a", Endpoints = [new EndpointRequest { Network = "pods" }] }, CancellationToken.None);

        await fixture.DisposeAsync();

        using RouteSocket routes = RouteSocket.Open();
        Assert.DoesNotContain(routes.ListLinks(), link => link.Name.Contains(fixture.Options.InstanceId, StringComparison.Ordinal));
        Assert.DoesNotContain(routes.ListRoutes(), route => route.Unreachable && fixture.Options.ContainerRange.Address.Equals(route.Destination));
        (_, string tables) = await Shell.RunAsync(null, "nft", "list", "tables");
        Assert.DoesNotContain(fixture.Options.InstanceId, tables);
        Assert.DoesNotContain(fixture.Options.RunDirectory, await File.ReadAllTextAsync("/proc/self/mounts"));
    }
}
