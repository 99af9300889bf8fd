using System.Net;
using System.Net.Sockets;
using System.Text;
using Gantry.Faults;
using Gantry.Linux.Netlink;
using Gantry.Network.Networks;
using Gantry.Network.Ports;
using Gantry.Network.Sandboxes;

namespace Gantry.Network.Tests;

public sealed class NetworkServiceTests(NetworkFixture fixture) : IClassFixture<NetworkFixture>
{
    private NetworkService Service => fixture.Service;

    [Fact]
    public async Task CreateSandbox_OnBridge_HasAddressAndDefaultRoute()
    {
        SandboxRecord sandbox = await CreateAsync("c1", "bridge");

        (int exit, string output) = await Shell.RunAsync(sandbox.NetworkPath, "ip", "-4", "addr", "show", "eth0");
        Assert.Equal(0, exit);
        Assert.Contains(sandbox.Endpoints[0].Address + "/24", output);
        (_, output) = await Shell.RunAsync(sandbox.NetworkPath, "ip", "route");
        Assert.Contains("default via " + Service.HostGateway, output);
        (exit, output) = await Shell.RunAsync(sandbox.NetworkPath, "busybox", "ping", "-c1", "-W2", Service.HostGateway);
        Assert.True(exit == 0, output);
    }

    [Fact]
    public async Task PublishedPort_FromHostLoopbackAndGateway_ReachesContainer()
    {
        SandboxRecord sandbox = await CreateAsync("web", "bridge", new PortMapping("tcp", 80, "0.0.0.0", 0));
        ushort port = sandbox.Ports[0].HostPort;
        using Socket listener = Listen(sandbox, 80);
        Task serving = ServeAsync(listener, 3);

        Assert.Equal("hello", await FetchAsync(null, "127.0.0.1", port));
        Assert.Equal("hello", await FetchAsync(null, Service.HostGateway, port));
        SandboxRecord other = await CreateAsync("client", "bridge");
        Assert.Equal("hello", await FetchAsync(other, Service.HostGateway, port));
        await serving;
    }

    [Fact]
    public async Task PublishedPort_FromTheContainerItself_IsHairpinned()
    {
        SandboxRecord sandbox = await CreateAsync("self", "bridge", new PortMapping("tcp", 80, "0.0.0.0", 0));
        using Socket listener = Listen(sandbox, 80);
        Task serving = ServeAsync(listener, 1);

        Assert.Equal("hello", await FetchAsync(sandbox, Service.HostGateway, sandbox.Ports[0].HostPort));
        await serving;
    }

    [Fact]
    public async Task PublishedPort_Taken_IsConflictAndLeavesNothing()
    {
        SandboxRecord first = await CreateAsync("p1", "bridge", new PortMapping("tcp", 80, "0.0.0.0", 0));
        ushort port = first.Ports[0].HostPort;

        FaultException fault = await Assert.ThrowsAsync<FaultException>(() => CreateAsync("p2", "bridge", new PortMapping("tcp", 80, "0.0.0.0", port)));

        Assert.Equal(FaultKind.Conflict, fault.Kind);
        Assert.Equal($"Bind for 0.0.0.0:{port} failed: port is already allocated", fault.Message);
        Assert.Null(Service.FindSandbox("p2"));
    }

    [Fact]
    public async Task PublishedPort_HeldByHostListener_IsConflict()
    {
        using TcpListener listener = new(IPAddress.Any, 0);
        listener.Start();
        int port = ((IPEndPoint)listener.LocalEndpoint).Port;

        FaultException fault = await Assert.ThrowsAsync<FaultException>(() => CreateAsync("p3", "bridge", new PortMapping("tcp", 80, "0.0.0.0", (ushort)port)));

        Assert.Contains("address already in use", fault.Message);
    }

    [Fact]
    public async Task UserNetwork_Names_ResolveAndOthersAreIsolated()
    {
        NetworkRecord network = await Service.CreateNetworkAsync(new NetworkSpec { Name = "front" }, CancellationToken.None);
        SandboxRecord server = await Service.CreateSandboxAsync(
            new SandboxRequest { Id = "srv", Endpoints = [new EndpointRequest { Network = "front", Names = ["server", "srv"] }] }, CancellationToken.None);
        SandboxRecord client = await CreateAsync("cli", "front");
        SandboxRecord outside = await CreateAsync("out", "bridge");

        (int exit, string output) = await Shell.RunAsync(client.NetworkPath, "busybox", "nslookup", "server", network.Gateway);
        Assert.True(exit == 0, output);
        Assert.Contains(server.Endpoints[0].Address, output);
        (exit, output) = await Shell.RunAsync(client.NetworkPath, "busybox", "ping", "-c1", "-W2", server.Endpoints[0].Address);
        Assert.True(exit == 0, output);
        (exit, _) = await Shell.RunAsync(outside.NetworkPath, "busybox", "ping", "-c1", "-W1", server.Endpoints[0].Address);
        Assert.NotEqual(0, exit);

        FaultException inUse = await Assert.ThrowsAsync<FaultException>(() => Service.RemoveNetworkAsync("front", CancellationToken.None));
        Assert.Contains("has active endpoints", inUse.Message);
        await Service.RemoveSandboxAsync("srv", CancellationToken.None);
        await Service.RemoveSandboxAsync("cli", CancellationToken.None);
        await Service.RemoveNetworkAsync("front", CancellationToken.None);
        Assert.Throws<FaultException>(() => Service.GetNetwork("front"));
    }

    [Fact]
    public async Task ConnectAndDisconnect_RunningSandbox_ChangesInterfaces()
    {
        await Service.CreateNetworkAsync(new NetworkSpec { Name = "second" }, CancellationToken.None);
        SandboxRecord sandbox = await CreateAsync("multi", "bridge");

        SandboxRecord changed = await Service.ConnectAsync("multi", new EndpointRequest { Network = "second" }, CancellationToken.None);

        (_, string output) = await Shell.RunAsync(sandbox.NetworkPath, "ip", "-4", "addr", "show", "eth1");
        Assert.Contains(changed.Endpoints[1].Address, output);
        await Service.DisconnectAsync("multi", changed.Endpoints[0].NetworkId, CancellationToken.None);
        (_, output) = await Shell.RunAsync(sandbox.NetworkPath, "ip", "route");
        Assert.Contains("default via " + changed.Endpoints[1].Gateway, output);
    }

    [Fact]
    public async Task PodSandbox_PinsThreeNamespaces_WithHostName()
    {
        SandboxRecord sandbox = await Service.CreateSandboxAsync(
            new SandboxRequest { Id = "pod", PodHostName = "my-pod", Endpoints = [new EndpointRequest { Network = "pods" }] }, CancellationToken.None);

        (_, string output) = await Shell.RunAsync(null, "nsenter", "--uts=" + sandbox.UtsPath, "hostname");
        Assert.Equal("my-pod", output.Trim());
        Assert.True(new NamespacePin(NamespaceKind.Ipc, sandbox.IpcPath!).Exists());
        Assert.StartsWith("10.77.", sandbox.Endpoints[0].Address);
    }

    private async Task<SandboxRecord> CreateAsync(string id, string network, params PortMapping[] ports) => await Service.CreateSandboxAsync(
        new SandboxRequest { Id = id, Endpoints = [new EndpointRequest { Network = network }], Ports = ports }, CancellationToken.None);

    private static Socket Listen(SandboxRecord sandbox, int port) => new NetworkNamespace(sandbox.NetworkPath!).Run(() =>
    {
        Socket socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Any, port));
        socket.Listen(8);
        return socket;
    });

    private static async Task ServeAsync(Socket listener, int connections)
    {
        for (int served = 0; served < connections; served++)
        {
            using Socket connection = await listener.AcceptAsync();
            await connection.SendAsync(Encoding.ASCII.GetBytes("hello"));
        }
    }

    private static async Task<string> FetchAsync(SandboxRecord? from, string address, int port)
    {
        Socket Make() => new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        using Socket socket = from is null ? Make() : new NetworkNamespace(from.NetworkPath!).Run(Make);
        using CancellationTokenSource timeout = new(TimeSpan.FromSeconds(10));
        await socket.ConnectAsync(address, port, timeout.Token);
        byte[] buffer = new byte[64];
        int length = await socket.ReceiveAsync(buffer, timeout.Token);
        return Encoding.ASCII.GetString(buffer, 0, length);
    }
}
