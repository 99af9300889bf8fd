using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Gantry.Faults;
using static Gantry.Linux.Netlink.NetlinkConstants;

namespace Gantry.Linux.Netlink;

/// <content>Addresses, routes and neighbours.</content>
public sealed partial class RouteSocket
{
    /// <summary>Adds an address to an interface; one that is there is kept.</summary>
    public void AddAddress(int linkIndex, IPAddress address, int prefixLength)
    {
        byte[] bytes = address.GetAddressBytes();
        _socket.Execute(AddressRequest(new(), $"add address {address}/{prefixLength}", linkIndex, bytes, prefixLength), s_exists);
    }

    /// <summary>
    /// Sets up a fresh namespace's loopback and one interface in one system call: loopback and interface up, the address, and the default
    /// route when <paramref name="gateway"/> is given.
    /// </summary>
    public void ConfigureContainer(int linkIndex, IPAddress address, int prefixLength, IPAddress? gateway)
    {
        NetlinkMessageWriter request = new NetlinkMessageWriter()
            .Begin("set lo up", RTM_NEWLINK, NLM_F_REQUEST | NLM_F_ACK, InterfaceHeader(AF_UNSPEC, 1, IFF_UP, IFF_UP)).End()
            .Begin($"set link {linkIndex} up", RTM_NEWLINK, NLM_F_REQUEST | NLM_F_ACK, InterfaceHeader(AF_UNSPEC, linkIndex, IFF_UP, IFF_UP)).End();
        AddressRequest(request, $"add address {address}/{prefixLength}", linkIndex, address.GetAddressBytes(), prefixLength);
        if (gateway is not null)
        {
            RouteRequest(request, $"add default route via {gateway}", RTM_NEWROUTE, null, 0, gateway, linkIndex, unreachable: false, 0);
        }

        _socket.Execute(request, s_exists);
    }

    /// <summary>Adds a route through a gateway or directly on an interface; <paramref name="destination"/> null is the default route.</summary>
    public void AddRoute(IPAddress? destination, int prefixLength, IPAddress? gateway, int linkIndex) =>
        _socket.Execute(RouteRequest(new(), $"add route {destination}/{prefixLength}", RTM_NEWROUTE, destination, prefixLength, gateway, linkIndex, false, 0), s_exists);

    /// <summary>Removes a route; one that is not there is ignored.</summary>
    public void DeleteRoute(IPAddress? destination, int prefixLength, IPAddress? gateway, int linkIndex) =>
        _socket.Execute(RouteRequest(new(), $"delete route {destination}/{prefixLength}", RTM_DELROUTE, destination, prefixLength, gateway, linkIndex, false, 0), s_absent);

    /// <summary>
    /// Makes a range unreachable except for more specific routes, so that packets for addresses that nobody has never leave
    /// the machine by the default route. <paramref name="metric"/> tells this instance's route from another's.
    /// </summary>
    public void AddUnreachable(IPAddress destination, int prefixLength, uint metric) =>
        _socket.Execute(RouteRequest(new(), $"add unreachable {destination}/{prefixLength}", RTM_NEWROUTE, destination, prefixLength, null, 0, true, metric), s_exists);

    /// <summary>Removes what <see cref="AddUnreachable"/> made; one that is not there is ignored.</summary>
    public void DeleteUnreachable(IPAddress destination, int prefixLength, uint metric) =>
        _socket.Execute(RouteRequest(new(), $"delete unreachable {destination}/{prefixLength}", RTM_DELROUTE, destination, prefixLength, null, 0, true, metric), s_absent);

    /// <summary>Adds a permanent neighbour entry.</summary>
    public void AddNeighbour(int linkIndex, IPAddress address, byte[] hardwareAddress)
    {
        byte[] header = new byte[12];
        header[0] = (byte)Family(address);
        MemoryMarshal.Write(header.AsSpan(4), linkIndex);
        MemoryMarshal.Write(header.AsSpan(8), NUD_PERMANENT);
        _socket.Execute(new NetlinkMessageWriter()
            .Begin($"add neighbour {address}", RTM_NEWNEIGH, NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE, header)
            .Attribute(NDA_DST, address.GetAddressBytes()).Attribute(NDA_LLADDR, hardwareAddress).End());
    }

    /// <summary>All IPv4 addresses.</summary>
    public IReadOnlyList<LinkAddress> ListAddresses()
    {
        List<LinkAddress> addresses = [];
        byte[] header = new byte[8];
        header[0] = AF_INET;
        _socket.Dump(new NetlinkMessageWriter().Begin("list addresses", RTM_GETADDR, NLM_F_REQUEST | NLM_F_DUMP, header).End(), frame =>
        {
            if (frame.Type != RTM_NEWADDR)
            {
                return;
            }

            int index = MemoryMarshal.Read<int>(frame.Payload[4..]);
            foreach (NetlinkAttribute attribute in new NetlinkAttributes(frame.Payload[8..]))
            {
                if (attribute.Type == IFA_LOCAL)
                {
                    addresses.Add(new LinkAddress(index, new IPAddress(attribute.Value), frame.Payload[1]));
                }
            }
        });
        return addresses;
    }

    /// <summary>
    /// An interface's addresses of both families that somebody has given it for good and that are not bound to the link: no
    /// link-local ones, nor those of router advertisements or leases.
    /// </summary>
    public IReadOnlyList<LinkAddress> ListGivenAddresses(int linkIndex)
    {
        List<LinkAddress> addresses = [];
        byte[] header = new byte[8];
        _socket.Dump(new NetlinkMessageWriter().Begin("list addresses", RTM_GETADDR, NLM_F_REQUEST | NLM_F_DUMP, header).End(), frame =>
        {
            // struct ifaddrmsg: family, prefix length, flags, scope, index.
            if (frame.Type != RTM_NEWADDR || MemoryMarshal.Read<int>(frame.Payload[4..]) != linkIndex
                || (frame.Payload[2] & IFA_F_PERMANENT) == 0 || frame.Payload[3] != RT_SCOPE_UNIVERSE)
            {
                return;
            }

            IPAddress? address = null;
            foreach (NetlinkAttribute attribute in new NetlinkAttributes(frame.Payload[8..]))
            {
                // IFA_LOCAL is the own address where the other one is a peer's; IPv6 has it seldom.
                if (attribute.Type == IFA_LOCAL || (attribute.Type == IFA_ADDRESS && address is null))
                {
                    address = new IPAddress(attribute.Value);
                }
            }

            if (address is not null)
            {
                addresses.Add(new LinkAddress(linkIndex, address, frame.Payload[1]));
            }
        });
        return addresses;
    }

    /// <summary>The IPv4 routes of the main table.</summary>
    public IReadOnlyList<RouteInfo> ListRoutes()
    {
        List<RouteInfo> routes = [];
        byte[] header = new byte[12];
        header[0] = AF_INET;
        _socket.Dump(new NetlinkMessageWriter().Begin("list routes", RTM_GETROUTE, NLM_F_REQUEST | NLM_F_DUMP, header).End(), frame =>
        {
            if (frame.Type == RTM_NEWROUTE && frame.Payload[4] == RT_TABLE_MAIN)
            {
                routes.Add(ParseRoute(frame.Payload));
            }
        });
        return routes;
    }

    private static RouteInfo ParseRoute(ReadOnlySpan<byte> payload)
    {
        IPAddress? destination = null;
        IPAddress? gateway = null;
        int link = 0;
        foreach (NetlinkAttribute attribute in new NetlinkAttributes(payload[12..]))
        {
            switch (attribute.Type)
            {
                case RTA_DST: destination = new IPAddress(attribute.Value); break;
                case RTA_GATEWAY: gateway = new IPAddress(attribute.Value); break;
                case RTA_OIF: link = (int)attribute.UInt32; break;
            }
        }

        return new RouteInfo(destination, payload[1], gateway, link, payload[7] == RTN_UNREACHABLE);
    }

    private static NetlinkMessageWriter AddressRequest(NetlinkMessageWriter request, string operation, int linkIndex, byte[] address, int prefixLength)
    {
        byte[] header = new byte[8];
        header[0] = (byte)(address.Length == 4 ? AF_INET : AF_INET6);
        header[1] = (byte)prefixLength;
        MemoryMarshal.Write(header.AsSpan(4), linkIndex);
        request.Begin(operation, RTM_NEWADDR, NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, header);
        return request.Attribute(IFA_LOCAL, address).Attribute(IFA_ADDRESS, address).End();
    }

    private static NetlinkMessageWriter RouteRequest(
        NetlinkMessageWriter request, string operation, ushort type, IPAddress? destination, int prefixLength, IPAddress? gateway, int linkIndex, bool unreachable, uint metric)
    {
        // struct rtmsg: family, dst_len, src_len, tos, table, protocol, scope, type, flags.
        byte[] header = new byte[12];
        header[0] = (byte)Family(destination ?? gateway ?? IPAddress.Any);
        header[1] = (byte)prefixLength;
        header[4] = RT_TABLE_MAIN;
        header[5] = RTPROT_STATIC;
        header[6] = gateway is null && !unreachable ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
        header[7] = unreachable ? RTN_UNREACHABLE : RTN_UNICAST;
        ushort flags = type == RTM_NEWROUTE ? (ushort)(NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL) : (ushort)(NLM_F_REQUEST | NLM_F_ACK);
        request.Begin(operation, type, flags, header);
        if (destination is not null)
        {
            request.Attribute(RTA_DST, destination.GetAddressBytes());
        }

        if (gateway is not null)
        {
            request.Attribute(RTA_GATEWAY, gateway.GetAddressBytes());
        }

        if (linkIndex != 0)
        {
            request.Attribute(RTA_OIF, (uint)linkIndex);
        }

        if (metric != 0)
        {
            request.Attribute(RTA_PRIORITY, metric);
        }

        return request.End();
    }

    private static int Family(IPAddress address) => address.AddressFamily == AddressFamily.InterNetworkV6 ? AF_INET6 : AF_INET;
}
