using System.Net;

namespace Gantry.Linux.Netlink;

/// <summary>A network interface. <c>MasterIndex</c> is 0 without a master; <c>HardwareAddress</c> is empty where there is none.</summary>
public sealed record LinkInfo(int Index, string Name, bool IsUp, int MasterIndex, byte[] HardwareAddress, LinkCounters Counters);

/// <summary>An interface's counters (struct rtnl_link_stats64).</summary>
public readonly record struct LinkCounters(
    ulong RxPackets, ulong TxPackets, ulong RxBytes, ulong TxBytes, ulong RxErrors, ulong TxErrors, ulong RxDropped, ulong TxDropped);

/// <summary>An address of an interface.</summary>
public sealed record LinkAddress(int LinkIndex, IPAddress Address, int PrefixLength);

/// <summary>A route of the main table; <c>Destination</c> null is the default route.</summary>
public sealed record RouteInfo(IPAddress? Destination, int PrefixLength, IPAddress? Gateway, int LinkIndex, bool Unreachable);

/// <summary>
/// One veth pair to make: the host's end, enslaved to a bridge and up, and the container's end inside another network
/// namespace, down, with a fixed hardware address.
/// </summary>
public sealed record VethSpec
{
    /// <summary>Name of the host's end (at most 15 characters).</summary>
    public required string HostName { get; init; }

    /// <summary>Name of the other end in its namespace, for example eth0.</summary>
    public required string PeerName { get; init; }

    /// <summary>Where the other end goes.</summary>
    public required NetworkNamespace PeerNamespace { get; init; }

    /// <summary>Interface index of the bridge, or 0 for none.</summary>
    public int BridgeIndex { get; init; }

    /// <summary>Hardware address of the container's end: 6 bytes.</summary>
    public required byte[] PeerHardwareAddress { get; init; }

    /// <summary>MTU of both ends.</summary>
    public int Mtu { get; init; } = 1500;
}
