using System.Net;
using Gantry.Linux.Netlink;

namespace Gantry.Daemon.Configuration;

/// <summary>The machine's own address: the one on the interface of the default route, else the first that is not loopback.</summary>
internal static class HostAddress
{
    public static IPAddress Find()
    {
        using var routes = RouteSocket.Open();
        var addresses = routes.ListAddresses().Where(address => address.Address.AddressFamily == System.Net.Sockets.AddressFamily.InterNetwork && !IPAddress.IsLoopback(address.Address)).ToList();
        var uplink = routes.ListRoutes().FirstOrDefault(route => route is { Destination: null, Unreachable: false } or { PrefixLength: 0, Unreachable: false })?.LinkIndex;
        return (addresses.FirstOrDefault(address => address.LinkIndex == uplink) ?? addresses.FirstOrDefault())?.Address ?? IPAddress.Loopback;
    }
}
