using System.Security.Cryptography;
using Gantry.Linux.Netlink;
using Gantry.Network.Addresses;
using Microsoft.Extensions.Logging.Abstractions;

namespace Gantry.Network.Tests;

/// <summary>A network service with an instance of its own, removed from the kernel at the end.</summary>
public sealed class NetworkFixture : IAsyncLifetime
{
    private static int s_next = 100 + RandomNumberGenerator.GetInt32(50);
    private readonly MemoryStore _store = new();

    public NetworkFixture()
    {
        int number = FreeNumber();
        string id = "t" + Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(2));
        Options = new NetworkOptions
        {
            InstanceId = id,
            RunDirectory = Path.Combine(Path.GetTempPath(), "engine-net-" + id),
            ContainerRange = ContainerRangeOf(number),
            PodRange = Ipv4Range.Parse($"10.77.{number}.0/24"),
            PodClusterRange = Ipv4Range.Parse($"10.77.{number}.0/24"),
        };
        Service = NewService();
    }

    public NetworkOptions Options { get; }

    public NetworkService Service { get; private set; }

    public async Task InitializeAsync() => await Service.InitializeAsync(CancellationToken.None);

    /// <summary>As a killed and restarted gantryd: a new service on the same store and kernel state.</summary>
    public async Task RestartAsync()
    {
        await Service.DisposeAsync();
        Service = NewService();
        await Service.InitializeAsync(CancellationToken.None);
    }

    public async Task DisposeAsync()
    {
        await Service.ShutdownAsync(removeAll: true, CancellationToken.None);
        await Service.DisposeAsync();
        Directory.Delete(Options.RunDirectory, recursive: true);
    }

    private static Ipv4Range ContainerRangeOf(int number) => Ipv4Range.Parse($"172.{(number % 8) + 21}.{number}.0/21");

    /// <summary>The next number whose ranges have no route: a killed run of any tests may have left one.</summary>
    private static int FreeNumber()
    {
        using var routes = RouteSocket.Open();
        var taken = routes.ListRoutes().Select(static route => route.Destination).ToHashSet();
        while (true)
        {
            var number = Interlocked.Increment(ref s_next);
            if (number > 255)
            {
                throw new InvalidOperationException("every range of the tests has a route: remove what killed runs left (ip route show type unreachable)");
            }

            if (!taken.Contains(ContainerRangeOf(number).Address) && !taken.Contains(Ipv4Range.Parse($"10.77.{number}.0/24").Address))
            {
                return number;
            }
        }
    }

    private NetworkService NewService() => new(Options, _store, NullLogger<NetworkService>.Instance);
}
